// Makes a domain controller out of a lab host: the first of a forest is provisioned, the next joins it over the network;
// then Samba is started and waited for. Leaves out trusts between forests and what the two copy to each other (lab.ts).

import { filesOf, resolverFile } from './configuration.ts'
import { type Controller, type Forest, fullName, inBrackets, isOnIpv6 } from './forest.ts'
import { inside, type LabHost } from './namespace.ts'
import { must, run, waitUntil } from './run.ts'
import { configurationOptions } from './samba-options.ts'

export interface RunningController extends Controller {
  readonly host: LabHost
}

export async function writeFile(host: LabHost, path: string, text: string): Promise<void> {
  await must(inside(host, ['tee', '--', path]), { input: text })
}

export async function makeController(
  forest: Forest,
  controller: Controller,
  host: LabHost,
): Promise<RunningController> {
  await prepareHost(forest, controller, host)
  const [first] = forest.controllers
  await (controller.name === first.name ? provision(forest, controller, host) : join(forest, host))
  return startController(forest, controller, host)
}

/** Who it is and whom it asks; no controller yet. */
export async function prepareHost(forest: Forest, controller: Controller, host: LabHost): Promise<void> {
  for (const [path, text] of filesOf(forest, controller)) await writeFile(host, path, text)
  // The package's smb.conf: Samba refuses to provision while there is one of another role.
  await must(inside(host, ['rm', '-f', '/etc/samba/smb.conf']))
}

/** Samba starts on a host that has been provisioned, or has joined. */
export async function startController(
  forest: Forest,
  controller: Controller,
  host: LabHost,
): Promise<RunningController> {
  // From here on it answers for its own domain; the others only when its own DNS is not up.
  const others = forest.controllers.filter(each => each.name !== controller.name)
  await writeFile(host, '/etc/resolv.conf', resolverFile(forest, [controller, ...others]))
  // It becomes a child of PID 1 of the lab host and so lives and dies with it.
  await must(inside(host, ['samba', '--daemon']))
  const running = { ...controller, host }
  await waitForServices(forest, running)
  return running
}

function provision(forest: Forest, controller: Controller, host: LabHost): Promise<string> {
  const command = [
    ...['samba-tool', 'domain', 'provision', '--server-role=dc', '--dns-backend=SAMBA_INTERNAL'],
    ...[`--realm=${forest.realm}`, `--domain=${forest.netbiosName}`, `--adminpass=${forest.administratorPassword}`],
    ...[`--host-name=${controller.name}`, `--host-ip${isOnIpv6(controller) ? '6' : ''}=${controller.address}`],
  ]
  return must(inside(host, [...command, ...configurationOptions]))
}

function join(forest: Forest, host: LabHost): Promise<string> {
  return must(joinCommand(forest, host))
}

/** The host becomes a controller beside the first one; everything that makes it one crosses the wire. */
export function joinCommand(forest: Forest, host: LabHost): readonly string[] {
  const command = [
    ...['samba-tool', 'domain', 'join', forest.domain, 'DC', '--dns-backend=SAMBA_INTERNAL'],
    ...[`--server=${fullName(forest, forest.controllers[0])}`, `--workgroup=${forest.netbiosName}`],
    ...['-U', `Administrator%${forest.administratorPassword}`],
  ]
  return inside(host, [...command, ...configurationOptions])
}

async function waitForServices(forest: Forest, controller: RunningController): Promise<void> {
  const question = (...words: string[]) => inside(controller.host, words, 3)
  const directory = question(
    'ldapsearch',
    '-x',
    '-H',
    `ldap://${inBrackets(controller)}`,
    '-s',
    'base',
    '-b',
    '',
    'dnsHostName',
  )
  const names = question(
    'dig',
    `@${controller.address}`,
    '+short',
    '+tries=1',
    '+time=1',
    'SRV',
    `_ldap._tcp.${forest.domain}`,
  )
  const ticket = question(
    'env',
    `KRB5_CONFIG=/etc/krb5-${controller.name}-udp.conf`,
    'kinit',
    '-c',
    'MEMORY:',
    'Administrator',
  )
  await waitUntil(`${controller.name} answers LDAP, DNS and Kerberos`, 180, async () => {
    if ((await run(directory)).status !== 0) return false
    // The second controller registers itself only some seconds after its start.
    if (!(await run(names)).output.includes(`${controller.name}.`)) return false
    return (await run(ticket, { input: `${forest.administratorPassword}\n` })).status === 0
  })
}
