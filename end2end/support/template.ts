// Makes one provider before all tests and keeps it as it is after its first start: most tests begin with a copy of it, which is there
// sooner than a provider that hashes passwords and stores its first image. It must not know any page.
import { writeFile } from 'node:fs/promises';
import { FIRST_OUTPUT, Server } from './server.ts';

export default async function prepare(): Promise<() => Promise<void>> {
  const server = await Server.create();
  await server.stop();
  await writeFile(`${server.home}/${FIRST_OUTPUT}`, server.output);
  process.env.DARKROOM_TEMPLATE = server.home;
  return () => server.dispose();
}
