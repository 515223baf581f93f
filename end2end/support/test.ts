// The `test` that all browser tests use: one server for a whole file's worth of tests, and no console error goes unseen.
import { test as base, expect } from '@playwright/test';
import { Portal } from './portal.ts';
import { Server, type ServerOptions } from './server.ts';

interface TestFixtures {
  /** Console errors and uncaught exceptions that a test provokes on purpose; anything else fails it. */
  expectedErrors: RegExp[];
  consoleIsClean: void;
  /** The first page of the test, as the person sees it. */
  portal: Portal;
}
interface WorkerFixtures {
  /** What the server of the file is started with. Another value gives another server. */
  serverOptions: ServerOptions;
  server: Server;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  serverOptions: [{}, { option: true, scope: 'worker' }],
  server: [
    async ({ serverOptions }, use) => {
      const server = await Server.create(serverOptions);
      await use(server);
      await server.dispose();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  expectedErrors: [[], { option: true }],
  portal: async ({ page, server, javaScriptEnabled }, use) => use(new Portal(page, server, javaScriptEnabled !== false)),
  consoleIsClean: [
    async ({ context, expectedErrors, javaScriptEnabled }, use) => {
      const errors: string[] = [];
      // What a browser fetches ahead for the scripts it then may not run.
      const expected = javaScriptEnabled === false ? [...expectedErrors, /was preloaded using link preload but not used/] : expectedErrors;
      context.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') errors.push(`${message.type()}: ${message.text()}`);
      });
      context.on('weberror', (error) => errors.push(`uncaught: ${error.error()}`));
      await use();
      const unexpected = errors.filter((text) => !expected.some((pattern) => pattern.test(text)));
      expect(unexpected, 'messages in the browser console').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
