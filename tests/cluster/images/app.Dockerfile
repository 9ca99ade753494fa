# The examples, with packages that were downloaded beforehand: a build may have no network.
ARG BASE
FROM $BASE AS packages
ARG PYTHON
COPY packages/ /opt/venv/lib/python$PYTHON/site-packages/
RUN /opt/venv/bin/python3 -m compileall -q -j 0 /opt/venv/lib
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /app
COPY app/ ./

FROM packages AS digits
ENTRYPOINT ["/app/entrypoint.sh"]

FROM packages AS recipe
ENTRYPOINT ["python", "app.py"]
