// A real Kerberos on the second host: MIT's KDC, with a realm, a database and keytabs of its own in the demo's folder, so
// that nothing of the machine's Kerberos is read or changed. The first host asks it by kinit and kvno.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoHosts } from '../demo/demo-policies.ts'
import { missingPrograms, mustRun, type Ran, runProgram } from './programs.ts'
import { inside, type Stage } from './stage.ts'

export const kerberosPrograms = ['krb5kdc', 'kdb5_util', 'kadmin.local', 'kinit', 'kvno'] as const
const REALM = 'CORP.TEST'
const CLIENT = 'alice'
const SERVICE = `host/${demoHosts[1].fullName}`
/** Seconds; kinit and kvno by themselves try for half a minute. */
const PATIENCE = 4

/** What of MIT's programs is not installed. */
export function missingForKerberos(): readonly string[] {
  return missingPrograms(kerberosPrograms)
}

export class KeyCenter {
  readonly #stage: Stage
  readonly #signal: AbortSignal
  readonly #folder: string

  constructor(stage: Stage, signal: AbortSignal) {
    this.#stage = stage
    this.#signal = signal
    this.#folder = join(stage.folder, 'krb5')
  }

  /** It listens when this is done, in the background. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { mode: 0o700 })
    const [, { namespace, address }] = this.#stage.hosts
    const path = (name: string) => join(this.#folder, name)
    for (const way of ['udp', 'tcp'] as const) writeFileSync(path(`${way}.conf`), clientConfiguration(way, address))
    writeFileSync(path('kdc.conf'), serverConfiguration(this.#folder, address))
    const run = (input: string, ...words: readonly string[]) =>
      mustRun(inside(namespace, ['env', ...this.#environment('udp'), ...words]), { signal: this.#signal, input })
    // The password of the database is of no use to anybody: the folder is root's, and gone with the demo.
    await run('', 'kdb5_util', 'create', '-s', '-r', REALM, '-P', 'demo')
    const orders = [
      `addprinc -randkey ${CLIENT}`,
      `addprinc -randkey ${SERVICE}`,
      `ktadd -k ${path('keytab')} ${CLIENT}`,
    ]
    await run(`${orders.join('\n')}\n`, 'kadmin.local', '-r', REALM)
    await run('', 'krb5kdc', '-r', REALM, '-P', path('krb5kdc.pid'))
  }

  /** A ticket for the client (AS), and one for a service (TGS), over UDP or TCP. Undefined, or why there is none. */
  async tickets(way: 'udp' | 'tcp'): Promise<string | undefined> {
    const [{ namespace }] = this.#stage.hosts
    const run = (...words: readonly string[]): Promise<Ran> => {
      const options = { signal: this.#signal, within: PATIENCE }
      return runProgram(inside(namespace, ['env', ...this.#environment(way), ...words]), options)
    }
    for (const words of [
      ['kinit', '-k', '-t', join(this.#folder, 'keytab'), CLIENT],
      ['kvno', '-q', SERVICE],
    ] as const) {
      const { status, error } = await run(...words)
      if (status !== 0) return `${words[0]}: ${error.trim() || `no answer in ${PATIENCE} s`}`
    }
    return undefined
  }

  #environment(way: 'udp' | 'tcp'): readonly string[] {
    const variables = {
      KRB5_CONFIG: join(this.#folder, `${way}.conf`),
      KRB5_KDC_PROFILE: join(this.#folder, 'kdc.conf'),
      KRB5CCNAME: `FILE:${join(this.#folder, `cache-${way}`)}`,
    }
    return Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  }
}

/** The client tries UDP up to the limit, and TCP from there. No name is looked up: there is nobody to ask. */
function clientConfiguration(way: 'udp' | 'tcp', address: string): string {
  return [
    '[libdefaults]',
    `  default_realm = ${REALM}`,
    '  dns_lookup_kdc = false',
    '  dns_lookup_realm = false',
    '  dns_canonicalize_hostname = false',
    '  rdns = false',
    `  udp_preference_limit = ${way === 'udp' ? 32_700 : 1}`,
    '[realms]',
    `  ${REALM} = {`,
    `    kdc = ${address}`,
    '  }',
    '[domain_realm]',
    `  .corp.test = ${REALM}`,
    '',
  ].join('\n')
}

function serverConfiguration(folder: string, address: string): string {
  return [
    '[kdcdefaults]',
    `  kdc_listen = ${address}:88`,
    `  kdc_tcp_listen = ${address}:88`,
    '[realms]',
    `  ${REALM} = {`,
    `    database_name = ${folder}/principal`,
    `    key_stash_file = ${folder}/stash`,
    `    acl_file = ${folder}/kadm5.acl`,
    '  }',
    '[logging]',
    `  kdc = FILE:${folder}/kdc.log`,
    `  admin_server = FILE:${folder}/kdc.log`,
    '',
  ].join('\n')
}
