# PostgreSQL and Redis from Debian's packages, for machines that cannot pull images. Only scripts/compose-test.sh uses it.
FROM mission-control/offline-stores-rootfs
COPY postgres-entrypoint.sh /usr/local/bin/
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["postgres-entrypoint.sh"]
