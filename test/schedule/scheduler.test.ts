import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deferred } from '../../src/lib/async.js';
import { isAppError } from '../../src/lib/errors.js';
import { createLog } from '../../src/lib/log.js';
import { Scheduler } from '../../src/schedule/scheduler.js';
import { eventually } from '../support/eventually.js';

const EVERY_SECOND = { schedule: '* * * * * *', timezone: 'UTC' };

function scheduler() {
  const lines: string[] = [];
  const { logger } = createLog({ level: 'info', format: 'json' }, { write: (line) => void lines.push(line) });
  return { scheduler: new Scheduler(logger), lines };
}

describe('the scheduler', () => {
  it('starts a job when it is due, and says when it is due next, by the clock of its timezone', async () => {
    const { scheduler: jobs } = scheduler();
    const started = deferred<undefined>();
    jobs.add({
      ...EVERY_SECOND,
      name: 'often',
      run: () => {
        started.resolve(undefined);
        return Promise.resolve();
      },
    });
    const nightly = jobs.add({
      name: 'nightly',
      schedule: '30 3 * * *',
      timezone: 'Asia/Kolkata',
      run: () => Promise.resolve(),
    });
    assert.equal(new Date(nightly.nextAt ?? 0).toISOString().slice(11, 16), '22:00');
    await started.promise;
    await jobs.stop();
    assert.equal(nightly.nextAt, undefined);
  });

  it('lets no job overlap itself, whether cron starts it or somebody asks', async () => {
    const { scheduler: jobs, lines } = scheduler();
    const end = deferred<undefined>();
    let runs = 0;
    const job = jobs.add({ ...EVERY_SECOND, name: 'slow', run: () => (runs++, end.promise) });
    const first = job.run();
    await assert.rejects(job.run(), (error) => isAppError(error, 'ALREADY_RUNNING'));
    while (!lines.some((line) => line.includes('left out'))) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(runs, 1);
    end.resolve(undefined);
    await first;
    await jobs.stop();
  });

  it('asks what runs to end when it stops, and waits for it', async () => {
    const { scheduler: jobs } = scheduler();
    let ended = false;
    const job = jobs.add({
      name: 'long',
      schedule: '0 0 1 1 *',
      timezone: 'UTC',
      run: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () =>
            setImmediate(() => {
              ended = true;
              resolve();
            }),
          );
        }),
    });
    const running = job.run();
    await jobs.stop();
    assert.equal(ended, true);
    await running;
    await assert.rejects(job.run(), (error) => isAppError(error, 'DRAINING'));
  });

  it('outlives a job that fails, and logs why', async () => {
    const { scheduler: jobs, lines } = scheduler();
    jobs.add({ ...EVERY_SECOND, name: 'broken', run: () => Promise.reject(new Error('no luck')) });
    while (!lines.some((line) => line.includes('no luck'))) await new Promise((resolve) => setTimeout(resolve, 20));
    await jobs.stop();
  });

  // The dates are node-cron's by the mocked clock, the waiting is real.
  it('starts a job once when the clock is set ahead by three years', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 1) });
    const { scheduler: jobs } = scheduler();
    let runs = 0;
    const run = () => {
      runs++;
      return Promise.resolve();
    };
    const job = jobs.add({ ...EVERY_SECOND, name: 'often', run });
    t.mock.timers.setTime(Date.UTC(2029, 0, 1));
    await eventually(() => runs > 0, 'it runs');
    assert.equal(runs, 1);
    assert.equal(job.nextAt, Date.UTC(2029, 0, 1, 0, 0, 1));
    await jobs.stop();
  });

  it('does not wait three years when the clock is set back by them', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2029, 0, 1) });
    const { scheduler: jobs } = scheduler();
    let runs = 0;
    const run = () => {
      runs++;
      return Promise.resolve();
    };
    const job = jobs.add({ ...EVERY_SECOND, name: 'often', run });
    t.mock.timers.setTime(Date.UTC(2026, 0, 1));
    await eventually(() => job.nextAt === Date.UTC(2026, 0, 1, 0, 0, 1), 'it is due in 2026');
    assert.equal(runs, 0, 'not before');
    t.mock.timers.setTime(Date.UTC(2026, 0, 1, 0, 0, 1));
    await eventually(() => runs === 1, 'it runs');
    await jobs.stop();
  });
});
