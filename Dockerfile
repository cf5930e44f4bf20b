# Cistern as a container: no root, and nothing written outside of /var/lib/cistern, so that this works:
#   docker run --read-only -v cistern:/var/lib/cistern -p 5000:5000 cistern
# Mount a configuration over /etc/cistern/cistern.yaml to change more than the environment below says, which goes before it.
ARG NODE_IMAGE=docker.io/library/node:22-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && DESTDIR=/image scripts/install \
 && install -d -o 1000 -g 1000 -m 0750 /image/var/lib/cistern

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Cistern" \
      org.opencontainers.image.description="A pull-through cache for container registries" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=16 \
    CISTERN_CONFIG=/etc/cistern/cistern.yaml \
    CISTERN_DATA_DIR=/var/lib/cistern \
    CISTERN_REGISTRY__LISTEN=0.0.0.0:5000 \
    CISTERN_ADMIN__LISTEN=0.0.0.0:5080
# By number, so that runAsNonRoot of Kubernetes can see that it is not root.
USER 1000:1000
WORKDIR /var/lib/cistern
VOLUME /var/lib/cistern
# Clients pull from 5000; 5080 has health and metrics, and no login: publish it to nobody. The control plane is on the
# container's own loopback: `docker exec CONTAINER cistern df`.
EXPOSE 5000 5080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["cistern", "health"]
ENTRYPOINT ["cistern"]
CMD ["serve"]
