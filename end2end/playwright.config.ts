// Browser tests. Two projects: every flow runs with JavaScript and, as far as a browser without scripts can, without.
// Files named *.hydrate.spec.ts test what only scripts can do.
import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

/** Chromium without a window is quicker; some systems have only the whole. */
const browsers = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'];

export default defineConfig({
  testDir: '.',
  globalSetup: './support/template.ts',
  outputDir: './out',
  // A real machine boots without hardware help in about seven seconds, more when the host is busy.
  timeout: 120_000,
  expect: { timeout: 10_000 },
  // Files run side by side; each has a server of its own.
  workers: 3,
  fullyParallel: false,
  // A test that passes at the second try hides a race.
  retries: 0,
  forbidOnly: !!process.env.CI,
  reporter: 'list',
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    viewport: { width: 1280, height: 800 },
    // Nothing waits for the end of a movement.
    contextOptions: { reducedMotion: 'reduce' },
    // A control that does not come is a failure of its own, long before the test's time is over.
    actionTimeout: 15_000,
    // A trace costs a third of the time: `playwright test NAME --trace on` repeats a failed test with one.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? browsers.find((path) => existsSync(path)),
      args: [
        '--no-sandbox',
        '--disable-dev-shm-usage',
        '--disable-gpu',
        // The tests talk to our own server only; the browser must not call home.
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
      ],
    },
  },
  projects: [
    { name: 'js', testMatch: '**/*.spec.ts' },
    {
      name: 'nojs',
      testMatch: '**/*.spec.ts',
      testIgnore: '**/*.hydrate.spec.ts',
      use: { javaScriptEnabled: false },
    },
  ],
});
