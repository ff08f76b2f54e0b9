"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from config import celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
celery.app.set_default()  # every thread rings the doorbell of our broker
