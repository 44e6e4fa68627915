"""Sends a data set to a server elsewhere, measures and cuts a model there, and brings the result."""

import prunecast

with prunecast.Client("127.0.0.1:50051") as client:
    upload = client.upload("mmlu")
    measured = client.evaluate("stories260k", ["dense"], text=upload.path, evaluator="mmlu")
    client.prune("stories260k", "smaller", removed_share=0.2, recipe={"criterion": "magnitude", "compensation": "none"})
    client.download("smaller", "here/smaller")
    for output in client.outputs():
        print(output.output, output.parameters, output.metrics, output.job_id)
