"""The carriers: Celery on Redis or RabbitMQ. Reading order: main, tasks, engine, attempts_in_flight, announcer, schedule."""
