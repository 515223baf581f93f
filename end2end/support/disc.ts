// What a machine starts from where no whole system is needed: a real ISO 9660 file whose boot code writes a line to the serial console and
// rests, and a disk whose boot code only rests. It must not know darkroom: they are what somebody downloads from the makers of a system.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What the machine says on its console when it has started from the disc. */
export const DISC_SAYS = 'the disc of the test has started';

/** Code for the processor as it is at the start of a PC: each character of the text that follows it goes to the first serial port. */
function bootCode(): Buffer {
  const code = [
    ...[0xfa], // cli
    ...[0x31, 0xc0, 0x8e, 0xd8], // xor ax, ax; mov ds, ax
    ...[0xbe, 0x00, 0x00], // mov si, TEXT
    ...[0xac], // next: lodsb
    ...[0x84, 0xc0, 0x74, 0x12], // test al, al; jz rest
    ...[0x88, 0xc4], // mov ah, al
    ...[0xba, 0xfd, 0x03], // mov dx, 0x3fd
    ...[0xec, 0xa8, 0x20, 0x74, 0xfb], // wait: in al, dx; test al, 0x20; jz wait
    ...[0x88, 0xe0], // mov al, ah
    ...[0xba, 0xf8, 0x03, 0xee], // mov dx, 0x3f8; out dx, al
    ...[0xeb, 0xe9], // jmp next
    ...[0xf4, 0xeb, 0xfd], // rest: hlt; jmp rest
  ];
  // It lies at 0x7c00, and the text behind it.
  code.splice(6, 2, (0x7c00 + code.length) & 0xff, (0x7c00 + code.length) >> 8);
  return Buffer.concat([Buffer.from(code), Buffer.from(`\r\n${DISC_SAYS}\r\n\0`)], 2048);
}

/** Makes the disc; gives its path and what removes it. */
export async function disc(): Promise<{ file: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'disc-'));
  const content = join(folder, 'content');
  await mkdir(content);
  await writeFile(join(content, 'boot.bin'), bootCode());
  await writeFile(join(content, 'readme.txt'), 'A disc for tests.\n');
  const file = join(folder, 'test.iso');
  const boot = ['-b', 'boot.bin', '-c', 'boot.cat', '-no-emul-boot', '-boot-load-size', '4'];
  await promisify(execFile)('genisoimage', ['-quiet', '-volid', 'TEST', ...boot, '-o', file, content]);
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * Makes a RAW disk that boots and then costs its host nothing, which a system does for seconds of processor; gives its path. It lasts as
 * long as the process. A machine that has it does not know the power button.
 */
export function restingDisk(): string {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const disk = Buffer.alloc(1 << 20);
  disk.set([0xfa, 0xf4, 0xeb, 0xfd]); // cli; rest: hlt; jmp rest
  disk.writeUInt16LE(0xaa55, 510);
  const file = join(folder, 'resting.raw');
  writeFileSync(file, disk);
  return file;
}
