// A provider with something in it, made once for all tests that look at pages: a running machine, an image of it, a group, tasks
// and events; and the list of every page and dialog there is. It must not judge a page.
import type { Browser, BrowserContext } from '@playwright/test';
import { Portal } from './portal.ts';
import type { Server } from './server.ts';
import { once, test as base } from './test.ts';

export type Person = 'nobody' | 'owner' | 'reader' | 'stranger' | 'operator';
type Session = Awaited<ReturnType<BrowserContext['storageState']>>;

const labels: Record<Exclude<Person, 'nobody'>, string> = {
  owner: 'acme-owner',
  reader: 'acme-reader',
  stranger: 'globex-owner',
  operator: 'operator',
};

export interface Place {
  /** One or a few words joined by dashes. */
  name: string;
  address: string;
  /** Who looks at it. */
  person: Person;
  status?: number;
  /** The heading of the dialog that is open. */
  dialog?: string;
}

export interface World {
  machine: string;
  image: string;
  task: string;
  places: Place[];
  /** A browser in which this person is signed in. */
  context(browser: Browser, person: Person, options?: Parameters<Browser['newContext']>[0]): Promise<BrowserContext>;
}

async function make(browser: Browser, server: Server): Promise<World> {
  const sessions = new Map<Person, Session>();
  const portalOf = async (person: Exclude<Person, 'nobody'>): Promise<Portal> => {
    const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled: true });
    const portal = new Portal(await context.newPage(), server, true);
    await portal.signIn(labels[person]);
    sessions.set(person, await context.storageState());
    return portal;
  };
  for (const person of ['reader', 'operator'] as const) await (await portalOf(person)).page.context().close();
  const stranger = await portalOf('stranger');
  const recipient = await stranger.projectId('globex-prod');
  sessions.set('stranger', await stranger.page.context().storageState());
  await stranger.page.context().close();
  const owner = await portalOf('owner');
  const machine = await owner.deploy({ name: 'web-1', type: 'm1.small' });
  await (await owner.console(machine)).ready();
  // A machine that died, which can be given another image.
  const spare = await owner.deploy({ name: 'spare' });
  process.kill(await server.machineProcess(spare), 'SIGKILL');
  await owner.page.goto('/groups/new');
  await owner.page.getByRole('textbox', { name: 'Name', exact: true }).fill('farm');
  await owner.page.getByLabel('Machines', { exact: true }).fill('1');
  await owner.page.getByRole('button', { name: 'Create group' }).click();
  await owner.comes(owner.heading('farm'));
  const group = owner.id();
  await owner.becomes('As wanted', 60);
  await owner.capture(machine, 'web-1-golden');
  await owner.imageBecomes('web-1-golden', 'Available');
  await owner.page.getByRole('link', { name: 'web-1-golden' }).click();
  await owner.comes(owner.heading('web-1-golden'));
  const image = owner.id();
  await owner.page.goto('/tasks');
  await owner.page.getByRole('link', { name: 'Create image web-1-golden' }).click();
  await owner.comes(owner.heading('Create image web-1-golden'));
  const task = owner.id();
  await owner.page.goto(`/images/${image}/edit`);
  await owner.page.getByRole('dialog').getByLabel(/^Tags/).fill('env=prod, team=web');
  await owner.page.getByRole('button', { name: 'Save changes' }).click();
  await owner.comes(owner.main.getByRole('link', { name: 'env=prod' }));
  // New machines of the group are made from another image than the one it has.
  await owner.page.goto(`/groups/${group}/edit`);
  const newest = owner.page.getByRole('dialog').getByRole('option', { name: /^web-1-golden,/ });
  await owner.page.getByRole('dialog').getByLabel('Image', { exact: true }).selectOption({ label: ((await newest.textContent()) ?? '').trim() });
  await owner.page.getByRole('button', { name: 'Save changes' }).click();
  await owner.comes(owner.main.getByText('1 machine is of another image. Roll replaces them.'));
  // A second image, offered to a project of another account.
  await owner.capture(machine, 'tools');
  await owner.imageBecomes('tools', 'Available');
  await owner.page.getByRole('link', { name: 'tools', exact: true }).click();
  await owner.comes(owner.heading('tools'));
  const offered = owner.id();
  await owner.share(offered, recipient);
  // A third one, deleted.
  await owner.page.goto(`/images/${offered}/copy`);
  await owner.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('mistake');
  await owner.page.getByRole('button', { name: 'Copy image' }).click();
  await owner.comes(owner.heading('mistake'));
  const deleted = owner.id();
  await owner.page.goto(`/images/${deleted}/delete`);
  await owner.page.getByRole('button', { name: 'Delete image' }).click();
  await owner.comes(owner.heading('My Images'));
  // The snapshot service, a snapshot and a schedule.
  await owner.page.goto('/snapshots/service');
  await owner.page.getByRole('dialog').getByRole('button', { name: 'Turn on' }).click();
  await owner.comes(owner.page.getByText('The snapshot service is on, and charged from now on.'));
  await owner.page.goto(`/instances/${machine}/snapshot`);
  await owner.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('web-1-before');
  await owner.page.getByRole('button', { name: 'Take snapshot' }).click();
  await owner.comes(owner.row('web-1-before').getByRole('cell').filter({ hasText: /^Available/ }), 60);
  await owner.page.getByRole('link', { name: 'web-1-before' }).click();
  await owner.comes(owner.heading('web-1-before'));
  const snapshot = owner.id();
  await owner.page.goto(`/snapshots/schedules/new?instance=${machine}`);
  await owner.page.getByRole('button', { name: 'Create schedule' }).click();
  await owner.comes(owner.main.getByText('0 of 7'));
  const schedule = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec((await owner.page.locator('a[href^="/snapshots/schedules/"]:not([href*="/new"])').first().getAttribute('href')) ?? '')![0];
  await owner.page.goto('/quotas/images');
  await owner.page.getByLabel('New limit').fill('45');
  await owner.page.getByLabel('Reason').fill('Nightly images of all our machines, kept for a month.');
  await owner.page.getByRole('button', { name: 'Send request' }).click();
  await owner.comes(owner.main.getByText('Asked for more'));
  await owner.page.context().close();
  const provider = await browser.newContext({ baseURL: server.url, storageState: sessions.get('operator')! });
  const requests = await provider.newPage();
  await requests.goto('/requests');
  const request = /[0-9a-f-]{36}/.exec((await requests.getByRole('link', { name: /^Answer/ }).getAttribute('href')) ?? '')![0];
  await requests.goto('/accounts');
  await requests.getByRole('main').getByRole('link', { name: 'Acme' }).click();
  await requests.waitForURL(/\/accounts\/[0-9a-f-]{36}$/);
  const account = requests.url().split('/').at(-1)!;
  await provider.close();
  return {
    machine,
    image,
    task,
    places: [
      ...places({ machine, image, task, offered, recipient, deleted, request, account, group, spare }),
      ...snapshotPlaces(machine, snapshot, schedule),
    ],
    context: async (any, person, options) =>
      any.newContext({ baseURL: server.url, ...(person === 'nobody' ? {} : { storageState: sessions.get(person)! }), ...options }),
  };
}

/** Every page and every dialog, and what they are when there is nothing in them. */
function places(
  ids: Record<'machine' | 'image' | 'task' | 'offered' | 'recipient' | 'deleted' | 'request' | 'account' | 'group' | 'spare', string>,
): Place[] {
  const { machine, image, task, offered, recipient, deleted, request, account, group, spare } = ids;
  const owner = (name: string, address: string, dialog?: string): Place => ({ name, address, person: 'owner', ...(dialog ? { dialog } : {}) });
  return [
    { name: 'sign-in', address: '/sign-in', person: 'nobody' },
    owner('overview', '/'),
    owner('instances', '/instances'),
    owner('instances-no-match', '/instances?q=nothing-like-it'),
    owner('new-instance', '/instances/new'),
    owner('new-instance-mine', `/instances/new?tab=mine&image=${image}`),
    owner('instance', `/instances/${machine}`),
    owner('create-image', `/instances/${machine}/image`, 'Create an image'),
    owner('delete-instance', `/instances/${machine}/delete`, 'Delete web-1?'),
    owner('change-image', `/instances/${spare}/change-image`, 'Change the image of spare?'),
    owner('change-image-of-running', `/instances/${machine}/change-image`, 'Change the image of web-1?'),
    owner('groups', '/groups'),
    owner('groups-no-match', '/groups?q=nothing-like-it'),
    owner('new-group', '/groups/new'),
    owner('group', `/groups/${group}`),
    owner('edit-group', `/groups/${group}/edit`, 'Edit farm'),
    owner('roll-group', `/groups/${group}/roll`, 'Roll farm to web-1-golden?'),
    owner('delete-group', `/groups/${group}/delete`, 'Delete farm with its machines?'),
    owner('my-images', '/images'),
    owner('my-images-no-match', '/images?q=nothing-like-it'),
    owner('images-selected', `/images/selected?action=delete&image=${image}&image=${offered}`, 'Delete 1 image?'),
    owner('images-to-tag', '/images/selected?action=tag&all=yes', 'Add tags to 2 images'),
    owner('nothing-selected', '/images/selected?action=delete', 'No image is picked'),
    owner('recycle-bin', '/images/bin'),
    owner('empty-recycle-bin', '/images/bin/empty', 'Empty the recycle bin?'),
    owner('restore-image', `/images/${deleted}/restore`, 'Restore mistake?'),
    owner('purge-image', `/images/${deleted}/purge`, 'Delete mistake for good?'),
    owner('image-in-bin', `/images/${deleted}`),
    { name: 'nothing-in-bin', address: '/images/bin', person: 'stranger' },
    owner('public-images', '/images/public'),
    owner('image', `/images/${image}`),
    owner('edit-image', `/images/${image}/edit`, 'Edit web-1-golden'),
    owner('delete-image', `/images/${image}/delete`, 'Delete web-1-golden?'),
    owner('delete-shared-image', `/images/${offered}/delete`, 'Delete tools?'),
    owner('copy-image', `/images/${image}/copy`, 'Copy web-1-golden'),
    owner('reach-image', `/images/${image}/reach`, 'Deploy web-1-golden in another region'),
    owner('stage-image', `/images/${image}/stage`, 'Deprecate web-1-golden?'),
    owner('image-sharing', `/images/${offered}/sharing`),
    owner('image-not-shared', `/images/${image}/sharing`),
    owner('share-image', `/images/${image}/share`, 'Share web-1-golden'),
    owner('stop-sharing', `/images/${offered}/sharing/${recipient}`, `Withdraw the offer to ${recipient}?`),
    owner('nothing-shared', '/images/shared'),
    { name: 'shared-with-me', address: '/images/shared', person: 'stranger' },
    owner('tasks', '/tasks'),
    owner('tasks-none-failed', '/tasks?state=failed,stuck'),
    owner('task', `/tasks/${task}`),
    owner('audit', '/audit'),
    owner('audit-of-image', `/audit?image=${image}`),
    owner('audit-filtered', '/audit?action=image&from=2026-01-01'),
    owner('audit-charges', '/audit?action=charge'),
    owner('audit-no-match', '/audit?actor=nobody-of-that-name'),
    owner('usage', '/usage'),
    owner('usage-grouped', '/usage?group=tag'),
    owner('usage-of-group', '/usage?group=region&only=north-1'),
    owner('usage-of-section', '/usage?section=images'),
    owner('usage-of-image', `/usage?section=images&image=${image}`),
    owner('quotas', '/quotas'),
    owner('ask-quota', '/quotas/images', 'More images in north-1'),
    ...billingPlaces(account),
    { name: 'operator-regions', address: '/regions', person: 'operator' },
    { name: 'operator-edits-region', address: '/regions/north-1', person: 'operator', dialog: 'Change north-1' },
    { name: 'operator-prices', address: '/regions/north-1/prices', person: 'operator' },
    { name: 'operator-sets-prices', address: '/regions/north-1/prices/new', person: 'operator', dialog: 'New prices of north-1' },
    { name: 'operator-accounts', address: '/accounts', person: 'operator' },
    { name: 'operator-account', address: `/accounts/${account}`, person: 'operator' },
    { name: 'operator-moves-account', address: `/accounts/${account}/edit`, person: 'operator', dialog: 'Site of Acme' },
    { name: 'operator-sets-limits', address: `/accounts/${account}/limits/north-1`, person: 'operator', dialog: 'Limits of Acme in north-1' },
    { name: 'operator-requests', address: '/requests', person: 'operator' },
    { name: 'operator-answers', address: `/requests/${request}`, person: 'operator', dialog: 'Acme asks for 45 images' },
    { name: 'reader-quotas', address: '/quotas', person: 'reader' },
    owner('account', '/account'),
    { name: 'reader-instance', address: `/instances/${machine}`, person: 'reader' },
    { name: 'reader-image', address: `/images/${image}`, person: 'reader' },
    { name: 'reader-group', address: `/groups/${group}`, person: 'reader' },
    { name: 'empty-groups', address: '/groups', person: 'stranger' },
    { name: 'empty-overview', address: '/', person: 'stranger' },
    { name: 'empty-instances', address: '/instances', person: 'stranger' },
    { name: 'empty-my-images', address: '/images', person: 'stranger' },
    { name: 'empty-tasks', address: '/tasks', person: 'stranger' },
    { name: 'empty-account', address: '/account', person: 'stranger' },
    { name: 'operator-overview', address: '/', person: 'operator' },
    { name: 'operator-tasks', address: '/tasks', person: 'operator' },
    { name: 'operator-audit', address: '/audit', person: 'operator' },
    { name: 'no-such-page', address: '/nowhere', person: 'owner', status: 404 },
    { name: 'no-such-image', address: '/images/00000000-0000-4000-8000-000000000000', person: 'owner', status: 404 },
    { name: 'no-such-machine', address: '/instances/not-an-id', person: 'owner', status: 404 },
    { name: 'no-such-group', address: '/groups/00000000-0000-4000-8000-000000000000', person: 'owner', status: 404 },
    { name: 'group-of-others', address: `/groups/${group}`, person: 'stranger', status: 404 },
    { name: 'no-such-task', address: '/tasks/00000000-0000-4000-8000-000000000000', person: 'owner', status: 404 },
    { name: 'image-of-others', address: `/images/${image}`, person: 'stranger', status: 404 },
    { name: 'machine-of-others', address: `/instances/${machine}`, person: 'stranger', status: 404 },
  ];
}

/** The first of the months that the page *Revenue* shows, in which a new server charged nothing. */
function emptyMonth(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 11, 1)).toISOString().slice(0, 7);
}

/** The pages and dialogs about money. */
function billingPlaces(account: string): Place[] {
  const operator = (name: string, address: string, dialog?: string): Place => ({ name, address, person: 'operator', ...(dialog ? { dialog } : {}) });
  return [
    { name: 'billing', address: '/billing', person: 'owner' },
    { name: 'set-budget', address: '/billing/budget', person: 'owner', dialog: 'Budget' },
    { name: 'reader-billing', address: '/billing', person: 'reader' },
    { name: 'reader-budget', address: '/billing/budget', person: 'reader', dialog: 'Budget' },
    { name: 'empty-billing', address: '/billing', person: 'stranger' },
    operator('operator-billing', `/accounts/${account}/billing`),
    operator('operator-books', `/accounts/${account}/billing/book`, 'Book into the ledger of Acme'),
    operator('operator-revenue', '/revenue'),
    operator('operator-revenue-of-empty-month', `/revenue?month=${emptyMonth()}`),
    operator('operator-changes-payment', `/accounts/${account}/billing/payment`, 'How Acme pays'),
    { name: 'no-such-statement', address: `/statements/${account}/99`, person: 'owner', status: 404 },
    { name: 'billing-of-others', address: `/statements/${account}/1`, person: 'stranger', status: 404 },
  ];
}

/** The pages and dialogs about snapshots. */
function snapshotPlaces(machine: string, snapshot: string, schedule: string): Place[] {
  const owner = (name: string, address: string, dialog?: string): Place => ({ name, address, person: 'owner', ...(dialog ? { dialog } : {}) });
  return [
    owner('snapshots', '/snapshots'),
    owner('snapshots-no-match', '/snapshots?q=nothing-like-it'),
    owner('snapshots-of-machine', `/snapshots?instance=${machine}`),
    owner('choose-for-snapshot', '/snapshots/new', 'A snapshot of which instance?'),
    owner('take-snapshot', `/instances/${machine}/snapshot`, 'Take a snapshot'),
    owner('snapshot-service', '/snapshots/service', 'Turn the snapshot service off?'),
    owner('snapshot', `/snapshots/${snapshot}`),
    owner('image-from-snapshot', `/snapshots/${snapshot}/image`, 'Create an image'),
    owner('disk-from-snapshot', `/snapshots/${snapshot}/disk`, 'Make a new disk'),
    owner('rename-snapshot', `/snapshots/${snapshot}/edit`, 'Rename web-1-before'),
    owner('delete-snapshot', `/snapshots/${snapshot}/delete`, 'Delete web-1-before?'),
    owner('schedules', '/snapshots/schedules'),
    owner('new-schedule', '/snapshots/schedules/new', 'New schedule'),
    owner('change-schedule', `/snapshots/schedules/${schedule}`, 'Change the schedule of web-1'),
    owner('delete-schedule', `/snapshots/schedules/${schedule}/delete`, 'Delete the schedule of web-1?'),
    { name: 'reader-snapshots', address: '/snapshots', person: 'reader' },
    { name: 'reader-snapshot', address: `/snapshots/${snapshot}`, person: 'reader' },
    { name: 'empty-snapshots', address: '/snapshots', person: 'stranger' },
    { name: 'empty-schedules', address: '/snapshots/schedules', person: 'stranger' },
    { name: 'turn-service-on', address: '/snapshots/service', person: 'stranger', dialog: 'Turn the snapshot service on?' },
    { name: 'snapshot-of-others', address: `/snapshots/${snapshot}`, person: 'stranger', status: 404 },
  ];
}

export const test = base.extend<{ world: World }>({ world: [once(make), { scope: 'test', timeout: 180_000 }] });
