// What goes wrong in the middle: the server is killed, somebody cancels, a machine's process dies, a disk is full. Each
// test waits until the work is seen to be under way, acts then, and looks at what is there in the end.
import { IMAGE_S, MACHINE_S, Portal } from './support/portal.ts';
import { expect, once, test as base } from './support/test.ts';

/** A running machine for all tests of this file. */
const test = base.extend<{ machine: string }>({
  machine: [
    once(async (browser, server) => {
      const context = await browser.newContext({ baseURL: server.url });
      const portal = new Portal(await context.newPage(), server, true);
      await portal.signIn('acme-owner');
      const id = await portal.deploy({ name: 'survivor' });
      const console = await portal.console(id);
      await console.run('echo before-the-end > /root/marker && sync');
      await context.close();
      return id;
    }),
    { scope: 'test', timeout: 180_000 },
  ],
});
test.use({ serverOptions: { unreliableTool: true } });
test.beforeEach(async ({ portal }) => portal.signIn('acme-member'));
test.afterEach(async ({ server }) => server.tool('well'));

/** The status of an image that is certainly at work: it counts. */
const atWork = /^Creating \d+ %/;

test.describe(() => {
  // The page asks the server that is not there, and says so in the console.
  test.use({ expectedErrors: [/net::ERR_/] });

  test('a capture ends well although the server was killed in its middle', async ({ page, portal, server, machine }) => {
    const process = await server.machineProcess(machine);
    await server.tool('slow');
    await portal.capture(machine, 'across-a-kill');
    await expect(portal.row('across-a-kill').getByRole('cell').filter({ hasText: atWork })).toBeVisible();
    await server.stop('SIGKILL');
    await server.tool('well');
    await server.start();
    // Nobody reloads the page: it finds the server again by itself.
    await portal.imageBecomes('across-a-kill', 'Available', IMAGE_S);
    await page.getByRole('link', { name: 'across-a-kill' }).click();
    await expect(page.getByText('Clean: the guest agent froze the file systems for the instant of the capture.')).toBeVisible();

    expect(await server.machineProcess(machine), 'the machine ran on').toBe(process);
    await page.goto(`/instances/${machine}`);
    await portal.becomes('Running');
    const console = await portal.console(machine);
    await console.run('grep before-the-end /root/marker');
    expect(await server.scratchFiles(), 'nothing of the broken capture is left').toEqual([]);
  });

  test('a console that lost its server can be connected again', async ({ page, portal, server, machine }) => {
    const console = await portal.console(machine);
    await server.restart('SIGTERM');
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await console.run('grep before-the-end /root/marker');
  });
});

test('a capture that is cancelled in its middle leaves nothing and gives its slot back', async ({ page, portal, server, machine }) => {
  await page.goto('/');
  const quota = page.getByRole('region', { name: 'Quotas in north-1' });
  const before = await quota.innerText();
  await server.tool('slow');
  await portal.capture(machine, 'never-mind');
  const row = portal.row('never-mind');
  await expect(row.getByRole('cell').filter({ hasText: atWork })).toBeVisible();
  expect(await server.scratchFiles()).not.toEqual([]);
  await row.getByRole('button', { name: /^Cancel/ }).click();
  await portal.goes(row, IMAGE_S);
  await page.goto('/tasks?state=cancelled');
  await expect(portal.row('Create image never-mind')).toContainText('Cancelled');
  expect(await server.scratchFiles()).toEqual([]);
  await page.goto('/');
  await expect(quota).toBeVisible();
  expect(await quota.innerText()).toBe(before);
  // The name is free again.
  await server.tool('well');
  await portal.capture(machine, 'never-mind');
  await portal.imageBecomes('never-mind', 'Available');
});

test('a capture that finds no space says so, and is made again when there is some', async ({ page, portal, server, machine }) => {
  await server.tool('full');
  await portal.capture(machine, 'no-room');
  await portal.imageBecomes('no-room', 'Error');
  const row = portal.row('no-room');
  await expect(row).toContainText(/space/);
  await server.tool('well');
  await page.getByRole('link', { name: 'no-room' }).click();
  await expect(portal.main.getByRole('link', { name: 'Show the task' })).toBeVisible();
  await portal.main.getByRole('button', { name: 'Retry' }).click();
  await portal.becomes('Available', IMAGE_S);
});

test('a machine whose process died says so and can be started again', async ({ page, portal, server, machine }) => {
  process.kill(await server.machineProcess(machine), 'SIGKILL');
  await expect(async () => {
    await page.goto(`/instances/${machine}`);
    await expect(portal.main.getByText('Error', { exact: true })).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: MACHINE_S * 1000 });
  await expect(page.getByText(/The machine's process ended unexpectedly/).first()).toBeVisible();
  await portal.power('Start', 'Running');
  const console = await portal.console(machine);
  await expect(console.line(/\d;\d+R/), 'an answer to what the shell before the end asked').toHaveCount(0);
  await console.run('grep before-the-end /root/marker');
});
