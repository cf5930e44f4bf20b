/** A large cold blob from an upstream that limits each connection: one connection against eight. */
import { checked, pull } from './support/client.js';
import { interleaved, ratio } from './support/measure.js';
import type { Bench } from './support/recorder.js';
import { rounds, scaled } from './support/scale.js';
import { BenchUpstream, inBenchDir, MIB, startCistern } from './support/servers.js';

const RATE = 20_000_000;
const SIZE = scaled(256, 16) * MIB;
const [ONE, EIGHT] = ['1 connection', '8 connections'];

export const coldRanged: Bench = (record) =>
  inBenchDir(async (dir) => {
    const upstream = await BenchUpstream.start(RATE);
    const count = rounds(3);
    const sides = await Promise.all(
      [1, 8].map(async (connectionsPerBlob) => {
        const cistern = await startCistern(`${dir}/${connectionsPerBlob}`, upstream.url, {
          upstream: { connectionsPerBlob },
        });
        const blobs = await Promise.all(Array.from({ length: count + 1 }, () => upstream.blob(SIZE)));
        const path = (round: number) => `/v2/bench/image/blobs/${blobs[round]!}`;
        await checked(cistern.url + path(count));
        const run = async (round: number) => ({ rate: SIZE / MIB / (await pull(cistern.url + path(round))).seconds });
        return { name: connectionsPerBlob === 1 ? ONE : EIGHT, run };
      }),
    );
    const { rate } = await interleaved(count, ['rate'], sides);
    record.compare(`Cold pull of ${SIZE / MIB} MiB, upstream gives 20 MB/s a connection`, 'MiB/s', rate, ONE);
    record.target('cold at 20 MB/s a connection, over 8', 'x over one', { atLeast: 4 }, ratio(rate, EIGHT, ONE));
  });
