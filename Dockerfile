# Cistern as a container: no root, no shell needed, and nothing written outside of /var/lib/cistern, so that
#   docker run --read-only -v cistern:/var/lib/cistern -p 5000:5000 cistern
# works. Mount a configuration over /etc/cistern/cistern.yaml to change more than the addresses.
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --include=dev --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund && rm -r src config tsconfig*.json

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    UV_THREADPOOL_SIZE=16 \
    CISTERN_CONFIG=/etc/cistern/cistern.yaml \
    CISTERN_DATA_DIR=/var/lib/cistern \
    CISTERN_REGISTRY__LISTEN=0.0.0.0:5000
WORKDIR /opt/cistern
COPY --from=build /build ./
COPY config/cistern.yaml /etc/cistern/cistern.yaml
RUN install -d -o node -g node -m 0750 /var/lib/cistern
USER node
VOLUME /var/lib/cistern
# 5000 is what clients pull from. Control (5051) and admin (5080) stay on loopback unless configured otherwise.
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "dist/main.js", "health"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
