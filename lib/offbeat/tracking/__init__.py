"""What MLflow is told of a training; nothing here reads tables or needs Spark."""
