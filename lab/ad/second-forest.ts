// A second forest beside the first one: its only controller on the same wire, names found both ways, a forest trust both
// ways, and all of it taken away again. Samba's own name server knows one forwarder for everything, and two that forward to each
// other would ask in a circle; so each host asks a small forwarder of its own (dnsmasq), which knows whom to ask for which
// domain. Samba itself is not touched. Every step but the making of the controller crosses the wire.

import { type KerberosTransport, resolverFile } from './configuration.ts'
import { makeController, type RunningController, writeFile } from './domain-controller.ts'
import { type Account, accounts, baseName, type Controller, type Forest, other } from './forest.ts'
import type { Lab } from './lab.ts'
import { inside } from './namespace.ts'
import { must, run } from './run.ts'

/** The account of the second forest whose tickets open things in the first. */
const walter: Account = { name: 'walter', password: 'Lab-Walter-1' }

export interface TwoForests {
  readonly first: Side
  readonly second: Side
}

export interface Side {
  readonly forest: Forest
  /** Somebody with a password in this forest. */
  readonly account: Account
  readonly controllers: readonly RunningController[]
}

/** A controller of one forest that asks one of the other. */
export interface Across {
  readonly own: Side
  readonly from: RunningController
  readonly far: Side
  readonly to: RunningController
}

/** The second forest's controller on a host that is on the wire already; nothing of it crosses the wire. */
export async function makeSecondForest(lab: Lab, host: RunningController['host']): Promise<TwoForests> {
  const [controller] = other.controllers
  const running = await makeController(other, controller, host)
  const samba = (...words: string[]) => must(inside(host, ['samba-tool', ...words]))
  await samba('domain', 'passwordsettings', 'set', '--complexity=off', '--history-length=0', '--min-pwd-age=0')
  await samba('user', 'create', walter.name, walter.password)
  return {
    first: { forest: lab.forest, account: accounts.alice, controllers: lab.controllers },
    second: { forest: other, account: walter, controllers: [running] },
  }
}

/** Every pair with one controller of each forest, in both directions. */
export function acrossForests({ first, second }: TwoForests): readonly Across[] {
  const pairs = (own: Side, far: Side): readonly Across[] =>
    own.controllers.flatMap(from => far.controllers.map(to => ({ own, from, far, to })))
  return [...pairs(first, second), ...pairs(second, first)]
}

const transports: readonly KerberosTransport[] = ['udp', 'tcp']
const forwarder = '127.0.0.54'
const forwarderProcess = '/run/lab-forwarder.pid'

/** Each host finds names of both forests. Its own Samba is asked for its own, a controller of the other for the other's. */
export async function findNamesOfBoth({ first, second }: TwoForests): Promise<void> {
  const set = async (own: Side, far: Side): Promise<void> => {
    for (const controller of own.controllers) {
      const servers = [
        `--server=/${own.forest.domain}/${controller.address}`,
        ...far.controllers.map(each => `--server=/${far.forest.domain}/${each.address}`),
      ]
      const plain = ['--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--user=root', '--cache-size=0']
      const place = ['--bind-interfaces', `--listen-address=${forwarder}`, `--pid-file=${forwarderProcess}`]
      await must(inside(controller.host, ['dnsmasq', ...plain, ...place, ...servers]))
      const search = `search ${own.forest.domain}\n`
      await writeFile(controller.host, '/etc/resolv.conf', `${search}nameserver ${forwarder}\noptions timeout:2\n`)
      for (const to of far.controllers) {
        for (const transport of transports) {
          const text = acrossFile(own.forest, controller, far.forest, to, transport)
          await writeFile(controller.host, acrossPath(to, transport), text)
        }
      }
    }
  }
  await set(first, second)
  await set(second, first)
}

/** As domain-controller.ts left it. */
export async function findNamesOfOwn({ forest, controllers }: Omit<Side, 'account'>): Promise<void> {
  for (const controller of controllers) {
    const others = forest.controllers.filter(each => each.name !== controller.name)
    await writeFile(controller.host, '/etc/resolv.conf', resolverFile(forest, [controller, ...others]))
    // bash's own kill: a small Debian has no program of that name.
    await run(inside(controller.host, ['bash', '-c', 'kill "$(<"$0")"', forwarderProcess]))
  }
}

/** krb5.conf for steps that cross forests: the far key centre is named, so that it is certain who has to answer. */
export function acrossPath(to: Controller, transport: KerberosTransport): string {
  return `/etc/krb5-across-${to.name}-${transport}.conf`
}

function acrossFile(
  ownForest: Forest,
  own: Controller,
  farForest: Forest,
  far: Controller,
  transport: KerberosTransport,
): string {
  return `[libdefaults]
  default_realm = ${ownForest.realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  rdns = false
  dns_canonicalize_hostname = false
  udp_preference_limit = ${transport === 'udp' ? 32_700 : 1}
[realms]
  ${ownForest.realm} = {
    kdc = ${own.address}
  }
  ${farForest.realm} = {
    kdc = ${far.address}
  }
[domain_realm]
  .${ownForest.domain} = ${ownForest.realm}
  .${farForest.domain} = ${farForest.realm}
`
}

/**
 * Made from the second forest's side. Validated in a step of its own (steps-across.ts): here it would be asked of any
 * controller of the first forest, also of one to which the trust has not been replicated yet.
 */
export async function makeTrust({ first, second }: TwoForests): Promise<void> {
  const [controller] = second.controllers
  const [far] = first.controllers
  if (controller === undefined || far === undefined) throw new Error('a forest without a controller')
  const words = ['--type=forest', '--direction=both', '--create-location=both', '--skip-validation']
  await must(
    inside(
      controller.host,
      ['samba-tool', 'domain', 'trust', 'create', first.forest.domain, ...words, ...login(first)],
      60,
    ),
  )
  // The trust's account may have been made on any controller of the first forest: each copies from each.
  for (const to of first.controllers) {
    for (const from of first.controllers.filter(each => each !== to)) {
      await must(inside(to.host, ['samba-tool', 'drs', 'replicate', to.name, from.name, baseName(first.forest)], 60))
    }
  }
}

export async function removeTrust({ first, second }: TwoForests): Promise<void> {
  const [controller] = second.controllers
  if (controller === undefined) throw new Error('a forest without a controller')
  const words = ['--delete-location=both', ...login(first)]
  await must(inside(controller.host, ['samba-tool', 'domain', 'trust', 'delete', first.forest.domain, ...words], 60))
}

/** What is left of it in the first forest when making or removing it broke off; asks nobody else. */
export async function forgetTrust({ controllers: [first] }: Lab): Promise<void> {
  if (first === undefined) return
  await run(
    inside(first.host, ['samba-tool', 'domain', 'trust', 'delete', other.domain, '--delete-location=local'], 20),
  )
}

/** As administrator of a forest, who is named in full: the asking host is in the other one. */
export function login({ forest }: Side): readonly string[] {
  return ['-U', `Administrator@${forest.realm}%${forest.administratorPassword}`]
}
