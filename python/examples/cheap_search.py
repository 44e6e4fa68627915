"""A search that is cheap enough to try things out, with what the request can say."""

import prunecast

with prunecast.Client("127.0.0.1:50051") as client:
    report = client.search(
        "stories260k",
        text="stories260k/stories.json",
        windows={"window": 64, "bos": True},
        budgets=[{"kind": "weight_bytes", "removed_share": 0.2}],
        recipes=[{"criterion": "magnitude", "compensation": "none"}],
        space={"max_rate": 0.5, "tie_run": 2},
        pairs={"count": 16, "rungs": [{"token_limit": 512}]},
        predictor={"id": "xgboost", "options": {"trees": 50}},
        verify={"count": 3, "rungs": [{"token_limit": 1024}]},
        report={"token_limit": 1024},
        rounds=1,
        candidates=500,
        request_id="cheap-1",  # the same id attaches to the same job
    )
    trials = client.trials(report.study_id).to_pandas()
    print(trials.groupby("role").perplexity.min())
