// A member of the domain: a host that is joined to it, has a machine account and a keytab, and serves nobody. KB 254949 tells
// members and controllers apart, because a member has no key centre of its own.

import { kerberosFile } from './configuration.ts'
import { type RunningController, writeFile } from './domain-controller.ts'
import { type Controller, type Forest, fullName } from './forest.ts'
import { addHost, type Lab, removeHost } from './lab.ts'
import { inside } from './namespace.ts'
import { must, run } from './run.ts'
import { administrator } from './step.ts'

const workstation: Controller = { name: 'ws1', address: '10.54.0.4', hardwareAddress: '02:00:0a:36:00:04' }

/** Where `net ads join` leaves the keys of the machine account. */
const keytab = '/etc/krb5.keytab'

/** Joined over the wire, in clear: before any policy is there. Its only key centre and name server is the first controller. */
export async function makeMember(
  directory: string,
  { forest, wire, controllers: [first] }: Lab,
): Promise<RunningController> {
  if (first === undefined) throw new Error('the lab has no controller')
  const host = await addHost(directory, wire, workstation)
  const { name, address } = workstation
  const controllers = forest.controllers.map(each => `${each.address} ${fullName(forest, each)} ${each.name}`)
  const files = {
    '/etc/hostname': `${name}\n`,
    '/etc/hosts': [
      '127.0.0.1 localhost',
      `${address} ${fullName(forest, workstation)} ${name}`,
      ...controllers,
      '',
    ].join('\n'),
    '/etc/resolv.conf': `search ${forest.domain}\nnameserver ${first.address}\noptions timeout:2 attempts:2\n`,
    '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n',
    '/etc/krb5.conf': kerberosFile(forest, { kdc: first, transport: 'udp' }),
    '/etc/samba/smb.conf': memberFile(forest),
  }
  for (const [path, text] of Object.entries(files)) await writeFile(host, path, text)
  await must(inside(host, ['net', 'ads', 'join', ...login(forest)], 60))
  return { ...workstation, host }
}

/** Its account goes from the domain, asked of the controller itself: the member may not be heard any more. */
export async function removeMember(directory: string, lab: Lab, { host }: RunningController): Promise<void> {
  const [first] = lab.controllers
  if (first !== undefined) await run(inside(first.host, ['samba-tool', 'computer', 'delete', workstation.name], 30))
  await removeHost(directory, host)
}

function memberFile({ netbiosName, realm }: Forest): string {
  return `[global]
  workgroup = ${netbiosName}
  realm = ${realm}
  security = ads
  kerberos method = secrets and keytab
  interfaces = lo eth0
  bind interfaces only = yes
`
}

function login(forest: Forest): readonly string[] {
  const { name, password } = administrator(forest)
  return ['-U', `${name}%${password}`]
}

/** What a member does all day: a ticket of its machine account, the directory, a share. Each for itself: what works, and what not. */
export async function useDomain(
  member: RunningController,
  forest: Forest,
  controller: Controller,
  patience: number,
): Promise<Readonly<Record<'ticket' | 'directory' | 'share', boolean>>> {
  const environment = { KRB5CCNAME: 'FILE:/tmp/ticket-of-member' }
  const well = async (command: readonly string[]): Promise<boolean> =>
    (await run(inside(member.host, command, patience), { environment })).status === 0
  await run(inside(member.host, ['rm', '-f', '/tmp/ticket-of-member']))
  const server = fullName(forest, controller)
  const share = [
    'smbclient',
    `//${server}/sysvol`,
    '--use-kerberos=required',
    '--use-krb5-ccache=/tmp/ticket-of-member',
  ]
  const search = ['ldapsearch', '-LLL', '-Q', '-N', '-Y', 'GSSAPI', '-H', `ldap://${server}`, '-s', 'base']
  return {
    ticket: await well(['kinit', '-k', '-t', keytab, `${member.name.toUpperCase()}$`]),
    directory: await well([...search, '-b', '', 'dnsHostName']),
    share: await well([...share, '-c', 'ls']),
  }
}
