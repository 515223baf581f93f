// The `test` that all browser tests use: one server for a whole file's worth of tests, and no console error goes unseen.
import { type Browser, test as base, expect } from '@playwright/test';
import { Portal } from './portal.ts';
import { Server, type ServerOptions } from './server.ts';

interface TestFixtures {
  /** What the server of the file is started with. */
  serverOptions: ServerOptions;
  server: Server;
  /** Console errors and uncaught exceptions that a test provokes on purpose; anything else fails it. */
  expectedErrors: RegExp[];
  consoleIsClean: void;
  /** The first page of the test, as the person sees it. */
  portal: Portal;
}
interface WorkerFixtures {
  servers: Servers;
}

/**
 * The server of the file whose tests run at present. A file has a server of its own: what it leaves behind is nobody else's. The process
 * that runs tests and its browser stay for the next file, because starting them takes longer than starting a server.
 */
class Servers {
  private present: { file: string; server: Server } | undefined;

  async of(file: string, options: ServerOptions): Promise<Server> {
    if (this.present?.file !== file) {
      await this.dispose();
      this.present = { file, server: await Server.create(options) };
    }
    return this.present.server;
  }

  async dispose(): Promise<void> {
    await this.present?.server.dispose();
    this.present = undefined;
  }
}

/** A fixture that is made once on a server, for all tests of its file. */
export function once<T>(make: (browser: Browser, server: Server) => Promise<T>) {
  const made = new WeakMap<Server, Promise<T>>();
  return async ({ browser, server }: { browser: Browser; server: Server }, use: (value: T) => Promise<void>): Promise<void> => {
    if (!made.has(server)) made.set(server, make(browser, server));
    await use(await made.get(server)!);
  };
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  servers: [
    async ({}, use) => {
      const servers = new Servers();
      await use(servers);
      await servers.dispose();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  serverOptions: [{}, { option: true }],
  server: [async ({ servers, serverOptions }, use, { file }) => use(await servers.of(file, serverOptions)), { scope: 'test', timeout: 120_000 }],
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
