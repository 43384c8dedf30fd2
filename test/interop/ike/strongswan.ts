// strongSwan as a peer: its settings, a daemon of its own in a room's network namespace with ESP in user space (which
// knows tunnel mode only, always in UDP), and connections in few words. In a Linux guest the same settings run with the
// kernel's ESP: see guest-strongswan.ts.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { LabRoom } from './lab-room.ts'
import { Vici, type ViciSection } from './vici.ts'

export const STRONGSWAN = '/usr/sbin/charon-systemd'
const PLUGINS = '/usr/lib/ipsec/plugins'
/** Milliseconds until the daemon listens. */
const START_PATIENCE = 20_000

const plugins = `random nonce openssl aes sha1 sha2 md5 hmac kdf cmac xcbc ctr ccm gcm chapoly curve25519 gmp mgf1 pem pkcs1
  pkcs8 pubkey x509 revocation constraints socket-default vici updown`

/** Why no strongSwan can be started here; empty where it can. */
export function whyNoStrongSwan(): string {
  const files = [
    [STRONGSWAN, 'charon-systemd'],
    [`${PLUGINS}/libstrongswan-openssl.so`, 'libstrongswan-standard-plugins'],
    [`${PLUGINS}/libstrongswan-curve25519.so`, 'libstrongswan-extra-plugins'],
    [`${PLUGINS}/libstrongswan-kernel-libipsec.so`, 'libcharon-extra-plugins'],
  ] as const
  const missing = files.filter(([file]) => !existsSync(file)).map(([, name]) => name)
  return missing.length === 0 ? '' : `skipped, because ${missing.join(', ')} is not installed`
}

export interface StrongSwanSettings {
  /** `user`: kernel-libipsec. `kernel`: XFRM of the kernel that it runs on. */
  readonly esp: 'user' | 'kernel'
  /** Further lines of the section `charon-systemd`. */
  readonly settings?: string
  /** Written to the log: 2 tells each decision, 4 also the session's keys. */
  readonly ikeLog?: 1 | 2 | 4
}

/** The whole strongswan.conf; `vici` is a URI, `log` a path. */
export function strongSwanConf(
  vici: string,
  log: string,
  { esp, settings = '', ikeLog = 2 }: StrongSwanSettings,
): string {
  const user = esp === 'user'
  return `
charon-systemd {
  load_modular = no
  load = ${plugins.replaceAll(/\s+/g, ' ')} ${user ? 'kernel-libipsec ' : ''}kernel-netlink
  install_routes = ${user ? 'yes' : 'no'}
  install_virtual_ip = no
  retransmit_timeout = 1
  retransmit_base = 1.4
  retransmit_tries = 4
  ikesa_limit = 0
  cookie_threshold = 0
  block_threshold = 0
  dos_protection = no
  half_open_timeout = 10
  delete_rekeyed_delay = 1
  filelog {
    main {
      path = ${log}
      flush_line = yes
      time_format = %H:%M:%S
      time_add_ms = yes
      default = 1
      ike = ${ikeLog}
      cfg = 2
      chd = ${ikeLog}
    }
  }
  journal { default = -1 }
  plugins {
    vici { socket = ${vici} }
    kernel-libipsec { allow_peer_ts = yes }
    ${user ? 'kernel-netlink { fwmark = !0x42 }\n    socket-default { fwmark = 0x42 }' : ''}
    revocation { enable_ocsp = no }
  }
  ${settings}
}
`
}

export interface StrongSwan {
  readonly vici: Vici
  log(): Promise<string>
  stop(): Promise<void>
}

export interface RoomStrongSwan extends StrongSwan {
  /** As after a loss of power: nobody is told. Another daemon is started by startStrongSwan with the same name. */
  kill(): Promise<void>
  readonly uri: string
  readonly logFile: string
}

export interface RoomStrongSwanOptions extends Partial<StrongSwanSettings> {
  readonly room: LabRoom
  /** Of its folder in the room. */
  readonly name: string
  readonly namespace?: string
}

export async function startStrongSwan(options: RoomStrongSwanOptions): Promise<RoomStrongSwan> {
  const { room, name, namespace } = options
  const folder = join(room.folder, name)
  mkdirSync(folder, { recursive: true })
  const [conf, socket, log, output] = ['strongswan.conf', 'vici', 'log', 'output'].map(file => join(folder, file))
  writeFileSync(conf!, strongSwanConf(`unix://${socket}`, log!, { esp: 'user', ...options }))
  const program = {
    words: [STRONGSWAN],
    environment: { STRONGSWAN_CONF: conf! },
    ...(namespace === undefined ? {} : { namespace }),
  }
  const process = await room.start(program, output!)
  const read = () => (existsSync(log!) ? readFileSync(log!, 'utf8') : '')
  const vici = await connect(socket!, () => `${existsSync(output!) ? readFileSync(output!, 'utf8') : ''}${read()}`)
  return {
    vici,
    uri: `unix://${socket}`,
    logFile: log!,
    log: async () => read(),
    async stop() {
      vici.close()
      await room.stopProgram(process)
    },
    async kill() {
      vici.close()
      await room.stopProgram(process, 'SIGKILL')
    },
  }
}

async function connect(socket: string, said: () => string): Promise<Vici> {
  const until = performance.now() + START_PATIENCE
  for (;;) {
    try {
      const vici = await Vici.connect(socket)
      await vici.ask('version')
      return vici
    } catch (cause) {
      if (performance.now() > until) throw new Error(`strongSwan did not start:\n${said()}`, { cause })
      await wait(50)
    }
  }
}

export interface AuthenticationWords {
  /** `psk`, `pubkey`, or with demands: `rsa-sha256`, `ecdsa`, `ed25519`, `ike:rsa/pss`. */
  readonly auth: string
  /** The address where left out. */
  readonly id?: string
  /** PEM. */
  readonly certificates?: readonly string[]
  readonly authorities?: readonly string[]
}

export interface ConnectionWords {
  readonly name: string
  readonly local: string
  readonly remote: string
  readonly here: AuthenticationWords
  readonly there: AuthenticationWords
  /** In strongSwan's words: `aes128gcm16-prfsha256-x25519`. */
  readonly ike: readonly string[]
  readonly esp: readonly string[]
  readonly mode: 'transport' | 'tunnel'
  /** Of the hosts' own addresses where left out. */
  readonly localSelectors?: readonly string[]
  readonly remoteSelectors?: readonly string[]
  /** 0: both, and whoever begins chooses. */
  readonly version?: 0 | 1 | 2
  /** Everything else, by strongSwan's names; undefined lifetimes mean none. */
  readonly more?: ViciSection
  readonly child?: ViciSection
}

/** As strongSwan's `load-conn` takes it, with one child named as the connection. */
export function connectionOf(words: ConnectionWords): ViciSection {
  const { name, here, there, version = 2 } = words
  const authentication = (id: string, words: AuthenticationWords): ViciSection => ({
    id,
    auth: words.auth,
    ...(words.certificates === undefined ? {} : { certs: words.certificates }),
    ...(words.authorities === undefined ? {} : { cacerts: words.authorities }),
  })
  return {
    [name]: {
      version: String(version),
      local_addrs: [words.local],
      remote_addrs: [words.remote],
      proposals: words.ike,
      // Rekeys happen where a test asks for them.
      ...{ rekey_time: '0', reauth_time: '0', dpd_delay: '0', mobike: 'no', send_certreq: 'yes', send_cert: 'always' },
      ...words.more,
      local: authentication(here.id ?? words.local, here),
      remote: authentication(there.id ?? words.remote, there),
      children: {
        [name]: {
          esp_proposals: words.esp,
          mode: words.mode,
          local_ts: words.localSelectors ?? ['dynamic'],
          remote_ts: words.remoteSelectors ?? ['dynamic'],
          ...{
            rekey_time: '0',
            life_time: '0',
            rand_time: '0',
            start_action: 'none',
            close_action: 'none',
            updown: '',
          },
          ...words.child,
        },
      },
    },
  }
}

/** Loads connections, secrets and keys; everything of before goes. */
export async function load(
  vici: Vici,
  connections: readonly ConnectionWords[],
  secrets: { readonly psk?: readonly (readonly [owner: string, secret: string])[]; readonly keys?: readonly string[] },
): Promise<void> {
  await vici.ask('clear-creds')
  const { conns = [] } = await vici.ask('get-conns')
  for (const name of conns as readonly string[]) await vici.ask('unload-conn', { name })
  for (const [index, [owner, data]] of (secrets.psk ?? []).entries()) {
    await vici.ask('load-shared', { id: `secret-${index}`, type: 'IKE', data, owners: [owner] })
  }
  for (const data of secrets.keys ?? []) await vici.ask('load-key', { type: 'any', data })
  for (const words of connections) await vici.ask('load-conn', connectionOf(words))
}
