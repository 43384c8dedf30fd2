// For tests: a realm of Kerberos with MIT's key center, by itself on a loopback or in a namespace; its database, keytabs and
// configuration in a folder of its own, so that nothing of the machine's Kerberos is read or changed.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gssapi } from '../src/native/gssapi.ts'

export const REALM = 'CORP.TEST'

/** For a test's `skip`: a reason, or false where it can run. */
export function whyNoRealm(): string | false {
  const library = gssapi()
  if (typeof library === 'string') return `skipped, because ${library}`
  for (const program of ['krb5kdc', 'kdb5_util', 'kadmin.local']) {
    const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program])
    if (found.status !== 0) return 'skipped, because krb5-kdc and krb5-admin-server are not installed'
  }
  return false
}

export interface RealmOptions {
  readonly address?: string
  /** Left out, one that is free. */
  readonly port?: number
  readonly namespace?: string
  /** Lines for `[libdefaults]`. */
  readonly defaults?: readonly string[]
}

/** A port of the loopback that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

export class KerberosRealm {
  readonly folder = mkdtempSync(join(tmpdir(), 'sealwire-realm-'))
  readonly address: string
  readonly port: number
  readonly #namespace: string | undefined
  #center: ChildProcess | undefined

  constructor({ address = '127.0.0.1', port = 88, namespace, defaults = [] }: RealmOptions) {
    this.address = address
    this.port = port
    this.#namespace = namespace
    writeFileSync(this.path('krb5.conf'), this.configuration(defaults))
    const kdc = [
      '[kdcdefaults]',
      ` kdc_listen = ${address}:${port}`,
      ` kdc_tcp_listen = ${address}:${port}`,
      '[realms]',
      ` ${REALM} = {`,
      `  database_name = ${this.path('principal')}`,
      `  key_stash_file = ${this.path('stash')}`,
      `  acl_file = ${this.path('acl')}`,
      ' }',
      '[logging]',
      ` kdc = FILE:${this.path('kdc.log')}`,
    ]
    writeFileSync(this.path('kdc.conf'), `${kdc.join('\n')}\n`)
    this.#run('kdb5_util', ['create', '-s', '-r', REALM, '-P', 'test'])
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** For the library of whoever is of the realm. `port` names another center than this one. */
  configuration(defaults: readonly string[] = [], port = this.port): string {
    const lines = [
      '[libdefaults]',
      ` default_realm = ${REALM}`,
      ' dns_lookup_kdc = false',
      ' dns_lookup_realm = false',
      ...defaults.map(line => ` ${line}`),
      '[realms]',
      ` ${REALM} = {`,
      `  kdc = ${this.address}:${port}`,
      ' }',
    ]
    return `${lines.join('\n')}\n`
  }

  get environment(): Readonly<Record<string, string>> {
    return { KRB5_CONFIG: this.path('krb5.conf'), KRB5_KDC_PROFILE: this.path('kdc.conf') }
  }

  /** Orders of kadmin. */
  order(...orders: readonly string[]): void {
    const said = this.#run('kadmin.local', ['-r', REALM], `${orders.join('\n')}\n`)
    assert.doesNotMatch(said, /while|Bad|Unknown/, said)
  }

  /** An account with a random key, and the keytab of it. */
  account(principal: string, more = ''): string {
    const keytab = this.path(`${principal.replaceAll(/[^a-z0-9]/gi, '-')}.keytab`)
    this.order(`addprinc -randkey ${more} ${principal}`, `ktadd -k ${keytab} ${principal}`)
    return keytab
  }

  /** Answers once it listens. */
  async start(): Promise<void> {
    const words = ['krb5kdc', '-n', '-r', REALM]
    const all = this.#namespace === undefined ? words : ['ip', 'netns', 'exec', this.#namespace, ...words]
    const child = spawn(all[0]!, all.slice(1), { env: { ...process.env, ...this.environment }, stdio: 'ignore' })
    this.#center = child
    for (let tries = 0; !this.log().includes('commencing operation'); tries++) {
      assert.ok(tries < 200 && child.exitCode === null, `the key center does not start:\n${this.log()}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  stop(): void {
    this.#center?.kill('SIGKILL')
    this.#center = undefined
    rmSync(this.path('kdc.log'), { force: true })
  }

  log(): string {
    try {
      return readFileSync(this.path('kdc.log'), 'utf8')
    } catch {
      return ''
    }
  }

  end(): void {
    this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #run(program: string, words: readonly string[], input = ''): string {
    const env = { ...process.env, ...this.environment }
    const ran = spawnSync(program, words, { env, input, encoding: 'utf8' })
    assert.equal(ran.status, 0, `${program} ${words.join(' ')}: ${ran.stderr}`)
    return ran.stderr.replaceAll(/^No policy specified.*\n/gm, '')
  }
}

/** It runs, and is gone after the test. */
export async function startRealm(context: TestContext, options: RealmOptions = {}): Promise<KerberosRealm> {
  const isByItself = options.namespace === undefined && options.port === undefined
  const realm = new KerberosRealm({ ...options, ...(isByItself ? { port: await freePort() } : {}) })
  context.after(() => realm.end())
  await realm.start()
  return realm
}

/** A keytab with one key, as MIT writes it (version 2). */
export function keytabOf(principal: string, version: number, key: Uint8Array, encryption = 18): Buffer {
  const [name = '', realm = ''] = principal.split('@')
  const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
  const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
  const text = (value: string) => Buffer.concat([u16(Buffer.byteLength(value)), Buffer.from(value)])
  const parts = name.split('/')
  const entry = Buffer.concat([
    ...[u16(parts.length), text(realm), ...parts.map(text), u32(1), u32(0)],
    ...[Buffer.from([version & 0xff]), u16(encryption), u16(key.length), key, u32(version)],
  ])
  return Buffer.concat([Buffer.from([5, 2]), u32(entry.length), entry])
}
