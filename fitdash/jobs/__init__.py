"""Jobs: from an experiment to a training run. Build, launch, warm start, worker process, quotas."""
