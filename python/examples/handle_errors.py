"""What a refused request tells."""

import prunecast

with prunecast.Client("127.0.0.1:50051") as client:
    try:
        client.search("stories260k", text="stories260k/stories.json", removed_share=0.99)
    except prunecast.PrunecastError as error:
        if error.reason != "BUDGET_INFEASIBLE":
            raise
        print(f"the nearest budget that can be met is {error.metadata['nearest']} {error.metadata['budget']}")
