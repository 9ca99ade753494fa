# A Python from a prefix on this machine, laid out as in Docker Hub's python images.
ARG BASE
FROM $BASE
COPY prefix/ /usr/local/
ARG PYTHON
RUN ldconfig && ln -s python$PYTHON /usr/local/bin/python3
