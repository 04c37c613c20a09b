"""Claims a node and works on it until it is killed: ROOT STORE RUN_ID."""

import sys
import time

from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.nodes.claim import claimed
from tfx_lm.pipelines.nodes.node_of_run import NodeOfRun

if __name__ == "__main__":
    root, store, run_id = sys.argv[1:]
    with claimed(NodeOfRun(root, "small", run_id, "Trainer", connection_config(store))):
        print("claimed", flush=True)
        time.sleep(300)
