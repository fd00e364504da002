"""From a stored experiment to a training run: build, launch, warm start, worker process, quotas."""
