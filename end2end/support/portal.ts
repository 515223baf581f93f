// What a person does in the portal, in their words: sign in, deploy, wait for a state, make an image. Works with and
// without script: where a page would bring itself up to date by script, it is reloaded without. It must not judge
// anything a spec is about, and it finds things as people and their assistive technology do: by role and by label.
import { type Browser, type Locator, type Page, expect } from '@playwright/test';
import type { Server } from './server.ts';

/** Seconds in which a machine starts or stops without hardware help, on a busy host. */
export const MACHINE_S = 60;
/** Seconds in which an image of the small test machine is made on a busy host. */
export const IMAGE_S = 60;

export interface Deployment {
  name: string;
  /** The image's name; the first public image without it. */
  image?: string;
  /** The tab of the picker with the image. */
  tab?: 'Public' | 'My Images' | 'Shared with me';
  /** Such as `m1.small`; the smallest without it. */
  type?: string;
}

export class Portal {
  constructor(
    readonly page: Page,
    readonly server: Server,
    /** Whether the browser runs scripts. */
    readonly script: boolean,
  ) {}

  get main(): Locator {
    return this.page.getByRole('main');
  }

  heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { level: 1, name, exact: true });
  }

  /** The row of a list with this name. */
  row(name: string): Locator {
    // Marks and tags stand beside the name, which then is a link.
    const header = this.page.getByRole('rowheader', { name, exact: true });
    return this.page.getByRole('row').filter({ has: header.or(this.page.getByRole('rowheader').getByRole('link', { name, exact: true })) });
  }

  /** Waits until something is on the page. */
  async comes(wanted: Locator, seconds = 10): Promise<void> {
    await this.until(() => wanted.first().isVisible(), () => expect(wanted.first()).toBeVisible({ timeout: seconds * 1000 }), seconds);
  }

  /** Waits until something is no longer on the page. */
  async goes(unwanted: Locator, seconds = 10): Promise<void> {
    await this.until(async () => (await unwanted.count()) === 0, () => expect(unwanted).toHaveCount(0, { timeout: seconds * 1000 }), seconds);
  }

  private async until(holds: () => Promise<boolean>, expectation: () => Promise<void>, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    // Without script a person presses reload, less eagerly each time: what is waited for works on the same processors. The page itself must
    // not be what is asked for while it is on its way.
    for (let pauseMs = 200; !this.script && !(await holds()) && Date.now() < deadline; pauseMs = Math.min(2 * pauseMs, 1500)) {
      await this.page.waitForTimeout(pauseMs);
      await this.page.reload();
    }
    await expectation();
  }

  async signIn(label: string): Promise<void> {
    const { user, password } = this.server.signIn(label);
    await this.page.goto('/sign-in');
    await this.page.getByLabel('E-mail address').fill(user);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await expect(this.heading('Overview')).toBeVisible();
  }

  /** A second person, in a browser of their own. */
  async another(browser: Browser, label: string): Promise<Portal> {
    const context = await browser.newContext({ baseURL: this.server.url, javaScriptEnabled: this.script });
    const portal = new Portal(await context.newPage(), this.server, this.script);
    await portal.signIn(label);
    return portal;
  }

  /** Copies the public image into the project and region in force, at once. Ends on the copy's page. */
  async copyPublic(name: string, more: { family?: string; tags?: string } = {}): Promise<void> {
    await this.page.goto('/images/public');
    await this.main.getByRole('rowheader').first().getByRole('link').click();
    await this.main.getByRole('link', { name: 'Copy', exact: true }).click();
    const copy = this.page.getByRole('dialog', { name: /^Copy / });
    await copy.getByLabel('Name', { exact: true }).fill(name);
    if (more.family !== undefined) await copy.getByLabel(/^Family/).fill(more.family);
    if (more.tags !== undefined) await copy.getByLabel(/^Tags/).fill(more.tags);
    await copy.getByRole('button', { name: 'Copy image' }).click();
    await expect(this.heading(name)).toBeVisible();
  }

  /** Chooses another project or region in the bar. */
  async work(place: { project?: string; region?: string }): Promise<void> {
    for (const wanted of [place.project, place.region]) {
      if (wanted === undefined) continue;
      const switcher = this.page.getByRole('button', { name: /: switch$/ });
      await switcher.click();
      await this.page.getByRole('button', { name: wanted, exact: true }).click();
      await expect(switcher).toHaveAccessibleName(new RegExp(wanted));
    }
  }

  /** Fills the page *New instance* in, which must be open. */
  async fillDeployment({ name, image, tab, type = 'm1.tiny' }: Deployment): Promise<void> {
    if (tab) await this.page.getByRole('radiogroup', { name: 'Images to choose from' }).locator('label').filter({ hasText: tab }).click();
    if (image) await this.page.getByRole('radio', { name: image, exact: true }).check();
    await this.page.getByRole('radio', { name: new RegExp(`^${type.replace('.', '\\.')}:`) }).check();
    await this.page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  }

  /** Makes a machine and waits until it runs. Gives its id. */
  async deploy(deployment: Deployment): Promise<string> {
    await this.page.goto('/instances/new');
    await this.fillDeployment(deployment);
    await this.page.getByRole('button', { name: 'Create instance' }).click();
    await expect(this.heading(deployment.name)).toBeVisible();
    await this.becomes('Running');
    return this.id();
  }

  /** The id in the page's address. */
  id(): string {
    const id = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(this.page.url())?.[0];
    if (!id) throw new Error(`no id in ${this.page.url()}`);
    return id;
  }

  /** Waits until the machine or image whose page is open has this status. */
  async becomes(status: string, seconds = MACHINE_S): Promise<void> {
    await this.comes(this.main.getByText(status, { exact: true }), seconds);
  }

  /** Presses a button of the machine's page and waits for what it leads to; `stop` is kinder to a machine that has only begun. */
  async power(button: 'Start' | 'Stop' | 'Restart', status: string, seconds = MACHINE_S): Promise<void> {
    await this.main.getByRole('button', { name: button, exact: true }).click();
    await this.becomes(status, seconds);
  }

  /** Stops the machine whose page is open, when its system has come up: before that nobody listens to the power button. */
  async stop(): Promise<void> {
    const log = `/instances/${this.id()}/console.log`;
    await expect(async () => {
      expect(await (await this.page.request.get(log)).text()).toContain('@@READY');
    }).toPass({ timeout: MACHINE_S * 1000, intervals: [250, 500] });
    await this.power('Stop', 'Stopped');
  }

  /** Makes an image of the machine, from its page on, and ends on My Images. The image is not done then. */
  async capture(instance: string, name: string): Promise<void> {
    await this.page.goto(`/instances/${instance}`);
    await this.main.getByRole('link', { name: 'Image', exact: true }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Create an image' });
    await dialog.getByLabel('Name', { exact: true }).fill(name);
    await dialog.getByRole('button', { name: 'Create image' }).click();
    await expect(this.heading('My Images')).toBeVisible();
    await expect(this.row(name)).toBeVisible();
  }

  /** Waits on My Images until an image has this status. */
  async imageBecomes(name: string, status: string, seconds = IMAGE_S): Promise<void> {
    await this.comes(this.row(name).getByRole('cell').filter({ hasText: new RegExp(`^${status}`) }), seconds);
  }

  /** The id of one of the person's projects, which becomes the one they work in. */
  async projectId(name: string): Promise<string> {
    await this.work({ project: name });
    await this.page.goto('/account');
    const row = this.main.getByRole('row').filter({ hasText: name });
    const id = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec((await row.textContent()) ?? '')?.[0];
    if (!id) throw new Error(`no id of ${name} on the page Account`);
    return id;
  }

  /** Shares an image with a project. Ends on the page that lists its shares. */
  async share(image: string, project: string): Promise<void> {
    await this.page.goto(`/images/${image}/share`);
    const dialog = this.page.getByRole('dialog', { name: /^Share / });
    await dialog.getByLabel('Project IDs, one per line').fill(project);
    await dialog.getByLabel(/^I know these projects/).check();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await expect(this.main.getByRole('row').filter({ hasText: project })).toBeVisible();
  }

  /** Opens the menu of a row and follows one of its links. */
  async more(name: string, item: string): Promise<void> {
    await this.page.getByRole('button', { name: `More actions for ${name}` }).click();
    await this.main.getByRole('link', { name: item, exact: true }).locator('visible=true').click();
  }

  /** Opens the serial console of a machine and waits for a prompt. Only with script. */
  async console(instance: string): Promise<Console> {
    await this.page.goto(`/instances/${instance}/console`);
    const shown = new Console(this.page);
    await shown.ready();
    return shown;
  }
}

/** The serial console of a machine in the browser: typed to with the keyboard, read as a screen reader reads it. */
export class Console {
  private readonly input: Locator;
  private readonly lines: Locator;

  constructor(private readonly page: Page) {
    this.input = page.getByRole('textbox', { name: /^Console of / });
    this.lines = page.getByRole('main').getByRole('listitem');
  }

  /** Waits until the machine has booted and its shell answers. */
  async ready(seconds = MACHINE_S): Promise<void> {
    await expect(this.page.getByText('Connected', { exact: true })).toBeVisible();
    await this.input.focus();
    await expect(this.line(/:~#\s*$/)).toBeVisible({ timeout: seconds * 1000 });
    // After a restart the prompt may be that of the shell before; only a shell that listens answers a command.
    await expect(async () => {
      const mark = `ready-${Math.floor(Math.random() * 1e9)}`;
      // What was typed during the boot may have arrived in part, and wait for the rest of its line.
      await this.page.keyboard.press('Control+c');
      await this.page.keyboard.type(`echo "${mark.slice(0, 6)}""${mark.slice(6)}"\n`);
      await expect(this.line(new RegExp(`^${mark}\\s*$`))).toBeVisible({ timeout: 2000 });
    }).toPass({ timeout: seconds * 1000 });
  }

  /** Runs a command and waits until it has ended well. */
  async run(command: string, seconds = 20): Promise<void> {
    const mark = `${Math.floor(Math.random() * 1e9)}`;
    await this.input.focus();
    await this.page.keyboard.type(`${command} && echo "end""ed-${mark}"\n`);
    await expect(this.line(new RegExp(`^ended-${mark}\\s*$`))).toBeVisible({ timeout: seconds * 1000 });
  }

  /** A line on the screen. */
  line(text: RegExp): Locator {
    return this.lines.filter({ hasText: text }).first();
  }
}
