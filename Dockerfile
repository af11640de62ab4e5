# cxrmine for servers without a GPU: mining, audits and schedules. Nothing is fetched after the build.
#   docker build --tag cxrmine .
#   docker build --tag cxrmine --build-arg EXTRAS=train .     (with torch: several GB)
FROM python:3.11-slim-bookworm AS build
ARG EXTRAS=""
# nmslib, the linker's index, may have to be compiled.
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/cxrmine
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY LICENSES LICENSES
COPY data_contracts data_contracts
COPY flows flows
COPY mining mining
COPY modeling modeling
RUN /opt/cxrmine/bin/pip install --no-cache-dir --disable-pip-version-check \
    --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}"

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 cxrmine \
    && install --directory --mode 0700 --owner cxrmine /var/lib/cxrmine /var/lib/prefect-ui /data
COPY --from=build /opt/cxrmine /opt/cxrmine
ENV PATH=/opt/cxrmine/bin:$PATH \
    CXRMINE_CACHE=/var/lib/cxrmine \
    DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_UI_STATIC_DIRECTORY=/var/lib/prefect-ui \
    PYTHONDONTWRITEBYTECODE=1
# By number: a cluster that refuses root cannot look up names.
USER 10001
WORKDIR /data
ENTRYPOINT ["cxrmine"]
CMD ["--help"]
