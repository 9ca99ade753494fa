# A bare Python: no debugger, no user set; a console script in a venv.
ARG BASE
FROM $BASE AS python
ARG PYTHON
RUN command -v python3 || ln -s python$PYTHON /usr/bin/python3
RUN python3 -m venv --without-pip /opt/venv
COPY hello/hello-app /opt/venv/bin/
COPY hello/hello_app.py /opt/venv/lib/python$PYTHON/site-packages/

# The image has a PYTHONPATH of its own, which no pod template shows.
FROM python AS env
COPY lib/ /opt/lib/
ENV PYTHONPATH=/opt/lib

# No shell, as in distroless images.
FROM python AS nosh
RUN rm -f /bin/bash /bin/rbash /bin/dash /bin/sh
