// The `test` that all browser tests use: one server for a whole file's worth of tests, and no console error goes unseen.
import { test as base, expect } from '@playwright/test';
import { Server } from './server.ts';

interface TestFixtures {
  /** Console errors and uncaught exceptions that a test provokes on purpose; anything else fails it. */
  expectedErrors: RegExp[];
  consoleIsClean: void;
}
interface WorkerFixtures {
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  server: [
    async ({}, use) => {
      const server = await Server.create();
      await use(server);
      await server.dispose();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  expectedErrors: async ({}, use) => use([]),
  consoleIsClean: [
    async ({ context, expectedErrors }, use) => {
      const errors: string[] = [];
      context.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') errors.push(`${message.type()}: ${message.text()}`);
      });
      context.on('weberror', (error) => errors.push(`uncaught: ${error.error()}`));
      await use();
      const unexpected = errors.filter((text) => !expectedErrors.some((pattern) => pattern.test(text)));
      expect(unexpected, 'messages in the browser console').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
