// Runs the real executable on a data directory of its own: start, stop, kill, restart, and throw everything away.
// It must not know any page: what it knows of darkroom is its command line and what it prints at its first start.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');
const executable = process.env.DARKROOM ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/darkroom');
/** The file in which a template keeps what its first start printed. */
export const FIRST_OUTPUT = 'first-start.txt';
const guest = process.env.DARKROOM_GUEST ?? join(root, 'target/guest/darkroom-linux.qcow2');

export interface SignIn {
  /** What the person is, in one word or a few joined by dashes: `operator`, `acme-owner`. */
  label: string;
  user: string;
  password: string;
}

/**
 * The sign-ins that a first start generates, one per line: `sign-in: LABEL USER PASSWORD`.
 * This is the only place that knows the format.
 */
export function parseSignIns(output: string): SignIn[] {
  return [...output.matchAll(/^\s*sign-in:\s+(\S+)\s+(\S+)\s+(\S+)\s*$/gm)].map(([, label, user, password]) => ({
    label: label!,
    user: user!,
    password: password!,
  }));
}

/** Settles when `condition` gives a value; fails with `what` after the time, or as soon as `condition` throws. */
export async function eventually<T>(what: string, seconds: number, condition: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === 'object' ? done(address.port) : failed(new Error('no port'))));
    });
  });
}

export interface ServerOptions {
  /** Further arguments of `darkroom serve`, for example `['--config', file]`. */
  arguments?: string[];
  /** The image a new provider starts with; `null` starts without any. */
  seed?: string | null;
  /** Lines of the settings file, such as `[sign_in]` and `failures_max = 3`. */
  settings?: string[];
  /** Puts a tool in the place of `qemu-img` that `Server.tool` can make slow or let fail. */
  unreliableTool?: boolean;
  /** Has the server read its clock from a file that `Server.pass` moves. */
  movedClock?: boolean;
}

/**
 * A `qemu-img` that copies at a limited rate while the file `slow` lies beside it, and finds no space while `full` does.
 * A test needs a capture that is certainly still at work when it acts; the copying itself, its progress and its end are
 * those of the real tool.
 */
const unreliableTool = `#!/bin/sh
here=$(dirname "$0")
if [ "$1" = convert ] && [ -e "$here/full" ]; then
  echo "qemu-img: error while writing: No space left on device" >&2
  exit 1
fi
if [ "$1" = convert ] && [ -e "$here/slow" ]; then
  shift
  exec qemu-img convert -r 5M "$@"
fi
exec qemu-img "$@"
`;

export class Server {
  /** All that the process wrote, over all its restarts. */
  output = '';
  private child: ChildProcess | undefined;
  private aheadMs = 0;
  private exited: Promise<number | NodeJS.Signals> | undefined;

  private constructor(
    /** The directory of this provider: its data, its settings and its tools. */
    readonly home: string,
    readonly port: number,
    private readonly options: ServerOptions,
  ) {}

  get data(): string {
    return join(this.home, 'data');
  }

  /** A new provider in a new directory, ready to answer; a copy of the template where it would begin as that did. */
  static async create(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), 'darkroom-')), await freePort(), options);
    try {
      await server.writeSettings();
      await server.copyTemplate();
      await server.start();
    } catch (error) {
      await server.dispose();
      throw error;
    }
    return server;
  }

  private async copyTemplate(): Promise<void> {
    const template = process.env.DARKROOM_TEMPLATE;
    // No setting that a test has changes what a first start writes.
    if (!template || this.options.arguments || this.options.seed !== undefined) return;
    await promisify(execFile)('cp', ['--archive', '--reflink=auto', join(template, 'data'), this.data]);
    this.output = await readFile(join(template, FIRST_OUTPUT), 'utf8');
  }

  private async writeSettings(): Promise<void> {
    const tool = join(this.home, 'qemu-img');
    const lines = [...(this.options.settings ?? [])];
    if (this.options.unreliableTool) {
      await writeFile(tool, unreliableTool);
      await chmod(tool, 0o755);
      lines.push('[machines]', `qemu_img = "${tool}"`);
    }
    if (this.options.movedClock) lines.push('[testing]', 'allowed = true', `clock_file = "${join(this.home, 'clock')}"`);
    await writeFile(join(this.home, 'darkroom.toml'), `${lines.join('\n')}\n`);
  }

  /** Lets days pass on the server's clock. Only with `movedClock`. Sessions end by it as they would. */
  async pass(days: number): Promise<void> {
    this.aheadMs += days * 86_400_000;
    await writeFile(join(this.home, 'clock.next'), `${this.aheadMs}`);
    // At once, so that nobody reads half a number.
    await rename(join(this.home, 'clock.next'), join(this.home, 'clock'));
  }

  /** The moment on the server's clock. */
  now(): Date {
    return new Date(Date.now() + this.aheadMs);
  }

  /** How the tool that copies disks behaves from its next start on. Only with `unreliableTool`. */
  async tool(how: 'well' | 'slow' | 'full'): Promise<void> {
    await Promise.all(['slow', 'full'].map((mark) => rm(join(this.home, mark), { force: true })));
    if (how !== 'well') await writeFile(join(this.home, how), '');
  }

  /** Runs `darkroom admin` against the data directory, as the operator of a running server does. Gives what it printed. */
  async admin(...words: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(executable, ['admin', '--data', this.data, ...words]);
    return stdout;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  signIns(): SignIn[] {
    return parseSignIns(this.output);
  }

  signIn(label: string): SignIn {
    const found = this.signIns().find((one) => one.label === label);
    if (!found) throw new Error(`no sign-in '${label}' among: ${this.signIns().map((one) => one.label).join(', ')}\n${this.output}`);
    return found;
  }

  async start(): Promise<void> {
    if (this.child) throw new Error('the server already runs');
    const seed = this.options.seed === undefined ? guest : this.options.seed;
    const child = spawn(
      executable,
      [
        ...['serve', '--data', this.data, '--listen', `127.0.0.1:${this.port}`, '--config', join(this.home, 'darkroom.toml')],
        ...(seed ? ['--seed-demo', seed] : []),
        ...(this.options.arguments ?? []),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.child = child;
    const keep = (text: Buffer) => {
      this.output += text.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    let ended: number | NodeJS.Signals | undefined;
    this.exited = new Promise((done) => {
      child.once('error', (error) => {
        this.output += `${error}\n`;
        done((ended = 127));
      });
      child.once('exit', (code, signal) => done((ended = code ?? signal ?? 0)));
    });
    await eventually('the server is ready', 60, async () => {
      if (ended !== undefined) throw new Error(`the server ended at its start (${ended}):\n${this.output}`);
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      return answer?.ok ? true : undefined;
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`);
    });
  }

  /** Asks the server to end, as an operator would, or kills it with SIGKILL. Gives its exit code or the signal. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    if (!this.child || !this.exited) throw new Error('the server does not run');
    this.child.kill(signal);
    const timer = setTimeout(() => this.child?.kill('SIGKILL'), 30_000);
    const result = await this.exited;
    clearTimeout(timer);
    this.child = undefined;
    this.exited = undefined;
    return result;
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** Ends the server and the machines it left running, which outlive it by design, and removes the data. */
  async dispose(): Promise<void> {
    if (this.child) await this.stop('SIGKILL');
    await eventually('all machines have ended', 10, async () => {
      const machines = await this.machineProcesses();
      for (const id of machines) {
        try {
          process.kill(id, 'SIGKILL');
        } catch (error) {
          // It ended between the look and the signal.
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      }
      return machines.length === 0 ? true : undefined;
    });
    await rm(this.home, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Process ids of the QEMUs whose command line names a file of our own data directory. */
  async machineProcesses(): Promise<number[]> {
    const found: number[] = [];
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
      if (command.startsWith('qemu-system') || command.includes('/qemu-system')) {
        if (command.includes(`${this.data}/`)) found.push(Number(entry));
      }
    }
    return found;
  }

  /** Files of captures that are at work, or that something left behind. */
  async scratchFiles(): Promise<string[]> {
    const all = await readdir(this.data, { recursive: true });
    return all.filter((path) => /(^|\/)scratch\/./.test(path));
  }

  /** Process id of the QEMU of one machine. */
  async machineProcess(id: string): Promise<number> {
    for (const process of await this.machineProcesses()) {
      const command = await readFile(`/proc/${process}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(id)) return process;
    }
    throw new Error(`no QEMU runs for the machine ${id}`);
  }
}
