# One image for web, worker and beat; docker-compose.yml says which command each runs.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --require-hashes -r requirements/runtime.txt
# npm in an environment of its own: the image that runs has no use for it.
COPY requirements/node.txt requirements/node.txt
RUN python -m venv /node && /node/bin/pip install --require-hashes -r requirements/node.txt
COPY . .
RUN PATH=$PATH:/node/bin python manage.py assets \
    && rm -rf node_modules \
    && SECRET_KEY=for-collecting-files DEBUG=off ALLOWED_HOSTS=build \
       DATABASE_URL=postgres://nowhere/none REDIS_URL=redis://nowhere \
       python -c "from django.core.management import execute_from_command_line as run; run(['manage.py', 'collectstatic', '--noinput', '--verbosity', '0'])"

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/waymark waymark
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DEBUG=off WAYMARK_STATE=/var/lib/waymark
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER waymark
VOLUME /var/lib/waymark
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--threads", "4", "--no-control-socket"]
