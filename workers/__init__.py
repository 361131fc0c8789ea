"""The carriers: Celery on Redis or RabbitMQ. Reading order: main, tasks, engine, announce, schedule."""
