# The platform's image: one for web, worker, migrations and simulator; compose says which command.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/countinghouse

COPY config/requirements/runtime.txt config/requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r config/requirements/runtime.txt

COPY . .
# Translations and static files read no secret and connect to nothing; production's settings ask for the words.
RUN COUNTINGHOUSE_ENV=production DATABASE_URL=postgresql:///none REDIS_URL=redis://none \
    SECRET_KEY=only-while-the-image-is-built-00000000000000000000000000 KEY_PEPPER=only-while-the-image-is-built-000000 \
    ALLOWED_HOSTS=build PUBLIC_URL=https://build \
    sh -c "python manage.py messages --compile && python manage.py collectstatic --noinput" \
 && python -m compileall -q config payments refunds reporting \
 && useradd --system --home-dir /srv/countinghouse countinghouse \
 && install -d -o countinghouse /var/lib/countinghouse

USER countinghouse
ENV RUN_DIR=/var/lib/countinghouse COUNTINGHOUSE_ROLE=shell
EXPOSE 8000
ENTRYPOINT ["python"]
CMD ["-m", "granian", "--interface", "asginl", "--loop", "uvloop", "--no-ws", "--workers", "1", "--backpressure", "4096", "--log-config", "config/granian.json", "--host", "0.0.0.0", "--port", "8000", "config.asgi:application"]
