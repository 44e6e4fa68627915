"""A search on the demo model, and what it measured."""

import prunecast

with prunecast.Client("127.0.0.1:50051") as client:
    report = client.search(
        "stories260k",
        text="stories260k/stories.json",
        removed_share=0.2,  # at least 20 % of the parameters
        effort="quick",
        predictor="xgboost",
        pairs={"count": 24},
        output="first-winner",
    )
    print(report.summary)
    print(f"{report.winner.parameters:,} parameters: {report.winner.metrics['perplexity']:.3f}")
    for trial in client.trials(report.study_id, role="finalist"):
        print(trial.number, trial.parameters, trial.metrics["perplexity"], trial.predicted)
