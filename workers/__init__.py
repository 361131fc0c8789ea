"""The carriers: Celery on Redis or RabbitMQ. Reading order: main, tasks, engine, announcer, schedule."""
