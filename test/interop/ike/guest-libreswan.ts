// Libreswan's pluto in a user-mode Linux guest, with the kernel's ESP and AH. Its package cannot stand beside strongSwan's, so it
// is looked for where .ci/run unpacks it.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GuestMachine } from '../uml/guest-machine.ts'
import type { HostCertificate } from './certificates.ts'

const roots = ['/var/cache/sealwire/libreswan', '']
const root = roots.find(root => existsSync(`${root}/usr/libexec/ipsec/pluto`))
const programs = '/usr/libexec/ipsec'
const folder = '/tmp/libreswan'
const socket = '/run/pluto/pluto.ctl'

/** Why no Libreswan can be started here; empty where it can. */
export function whyNoLibreswan(): string {
  if (root === undefined) return 'skipped, because libreswan is not installed'
  if (!existsSync('/usr/bin/certutil')) return 'skipped, because libnss3-tools is not installed'
  return ''
}

export interface LibreswanWords {
  /** PEM. */
  readonly authorities?: readonly string[]
  readonly own?: HostCertificate
  /** Lines of ipsec.secrets: `10.54.9.1 10.54.9.2 : PSK "…"`. */
  readonly secrets?: readonly string[]
}

/** Connections by name, their lines by ipsec.conf's names. */
export type LibreswanConnections = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Whether it has IKEv1 at all is a matter of its own. */
const SETUP = 'config setup\n  ikev1-policy=accept\n'

/** Of the own certificate in NSS's database: `leftcert=host`. */
const OWN = 'host'

export class Libreswan {
  readonly #guest: GuestMachine
  readonly #process: number
  #loaded: readonly string[] = []

  private constructor(guest: GuestMachine, process: number) {
    this.#guest = guest
    this.#process = process
  }

  static async start(guest: GuestMachine, words: LibreswanWords): Promise<Libreswan> {
    const sh = async (script: string, input = '') => {
      const { status, output, fault } = await guest.run({ words: ['sh', '-ec', script] }, input)
      if (status !== 0) throw new Error(`${script} failed in the guest: ${fault}${output}`)
    }
    await sh(`rm -rf ${folder}; mkdir -p ${folder}/nss ${folder}/conf /run/pluto`)
    // Pluto starts its other programs where its makers put them.
    if (root !== '') await sh(`[ -e ${programs}/addconn ] || mount --bind ${root}/usr/libexec /usr/libexec`)
    await sh(`certutil -N -d sql:${folder}/nss --empty-password`)
    for (const [index, authority] of (words.authorities ?? []).entries()) {
      await sh(`certutil -A -d sql:${folder}/nss -n ca-${index} -t CT,, -a`, authority)
    }
    if (words.own !== undefined) {
      const bag = Buffer.from(pkcs12(words.own)).toString('base64')
      await sh(`base64 -d >${folder}/own.p12; pk12util -i ${folder}/own.p12 -d sql:${folder}/nss -W lab`, bag)
    }
    await guest.ask({ do: 'write', path: `${folder}/secrets`, text: `${(words.secrets ?? []).join('\n')}\n` })
    await guest.ask({ do: 'write', path: `${folder}/ipsec.conf`, text: SETUP })
    const process = await guest.startProgram(
      {
        words: [
          // The file's defaults would undo what stands before it.
          ...[`${programs}/pluto`, '--config', `${folder}/ipsec.conf`, '--nofork', '--stderrlog', '--no-dnssec'],
          ...['--rundir', '/run/pluto', '--nssdir', `${folder}/nss`, '--ipsecdir', `${folder}/conf`],
          ...['--secretsfile', `${folder}/secrets`, '--nhelpers', '0'],
        ],
      },
      `${folder}/log`,
    )
    const daemon = new Libreswan(guest, process)
    try {
      await sh(`for turn in $(seq 200); do [ -S ${socket} ] && exit 0; sleep 0.05; done; exit 1`)
      await daemon.whack('--listen')
      return daemon
    } catch (cause) {
      throw new Error(`Libreswan did not start in the guest:\n${await daemon.log()}`, { cause })
    }
  }

  /** In place of those loaded before. Two between the same hosts get into each other's way in the kernel. */
  async load(connections: LibreswanConnections): Promise<void> {
    for (const name of this.#loaded) await this.tell('--delete', '--name', name)
    this.#loaded = Object.keys(connections)
    const lines = Object.entries(connections).flatMap(([name, values]) => [
      `conn ${name}`,
      ...Object.entries({
        ...{ auto: 'ignore', ikev2: 'yes', authby: 'secret', leftupdown: '%disabled', rekey: 'no', dpdaction: 'clear' },
        ...{ 'retransmit-timeout': '10s', 'retransmit-interval': '500ms' },
        ...values,
      }).map(([key, value]) => `  ${key}=${value}`),
    ])
    await this.#guest.ask({ do: 'write', path: `${folder}/ipsec.conf`, text: `${SETUP}\n${lines.join('\n')}\n` })
    for (const name of Object.keys(connections)) {
      const words = [`${programs}/addconn`, '--ctlsocket', socket, '--config', `${folder}/ipsec.conf`, name]
      const { status, output, fault } = await this.#guest.run({ words })
      if (status !== 0) throw new Error(`Libreswan, ${name}: ${fault}${output}\n${await this.log()}`)
    }
  }

  /** What pluto's own control program is told: its words and exit status. */
  async tell(...words: readonly string[]): Promise<{ readonly status: number; readonly output: string }> {
    return this.#guest.run({ words: [`${programs}/whack`, '--ctlsocket', socket, ...words] })
  }

  async whack(...words: readonly string[]): Promise<string> {
    const { status, output } = await this.tell(...words)
    if (status !== 0) throw new Error(`Libreswan, ${words.join(' ')}: ${output}`)
    return output
  }

  /** Until IKE SA and child stand. */
  async up(name: string): Promise<string> {
    return this.whack('--initiate', '--name', name)
  }

  async down(name: string): Promise<string> {
    return this.whack('--terminate', '--name', name)
  }

  async log(): Promise<string> {
    return this.#guest.readText(`${folder}/log`)
  }

  async stop(): Promise<void> {
    await this.tell('--shutdown')
    await this.kill('SIGTERM')
  }

  async kill(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await this.#guest.ask({ do: 'stop', process: this.#process, signal })
    await this.#guest.run({ words: ['sh', '-c', 'rm -rf /run/pluto; ip xfrm state flush; ip xfrm policy flush'] })
  }
}

function pkcs12({ certificate, key }: HostCertificate): Uint8Array {
  const scratch = mkdtempSync(join(tmpdir(), 'sealwire-pkcs12-'))
  try {
    writeFileSync(join(scratch, 'both.pem'), key + certificate, { mode: 0o600 })
    const words = ['pkcs12', '-export', '-in', 'both.pem', '-out', 'own.p12', '-name', OWN, '-passout', 'pass:lab']
    execFileSync('openssl', words, { cwd: scratch, stdio: 'pipe' })
    return readFileSync(join(scratch, 'own.p12'))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
