// Records the bridge for as long as it takes, in pieces: each is audited when the next has begun, and removed, so that neither
// memory nor disk grows with the time. One tcpdump writes all of them: not a packet falls between two.

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { auditFile } from '../../../src/audit/audit-file.ts'
import type { Finding } from '../../../src/audit/report.ts'
import { classes, type TrafficClass, type Verdict, verdicts } from '../../../src/audit/verdict.ts'
import type { CompiledPolicy } from '../../../src/policy/compile.ts'
import { inNetworkOf, type LabHost } from '../namespace.ts'
import { bridge } from '../network.ts'
import { cleanEnvironment, must, waitUntil } from '../run.ts'

export interface RollingReport {
  readonly pieces: number
  readonly packets: number
  readonly bytes: number
  readonly verdicts: Readonly<Record<Verdict, number>>
  readonly classes: Readonly<Record<TrafficClass, number>>
  /** What leaked, was malformed or blocked; the first few. */
  readonly findings: readonly Finding[]
  /** Different SPIs of ESP, by tshark: every association that was used, one for each direction. */
  readonly spis: number
  readonly problems: readonly string[]
}

const PIECE_SECONDS = 60
const LOOK_EVERY_MS = 5000
const MOST_FINDINGS = 20

export class RollingAudit {
  readonly #folder: string
  readonly #policy: CompiledPolicy
  readonly #child
  readonly #ended: Promise<void>
  readonly #spis = new Set<string>()
  readonly #findings: Finding[] = []
  readonly #problems: string[] = []
  readonly #verdicts = Object.fromEntries(verdicts.map(name => [name, 0])) as Record<Verdict, number>
  readonly #classes = Object.fromEntries(classes.map(name => [name, 0])) as Record<TrafficClass, number>
  #words = ''
  #pieces = 0
  #packets = 0
  #bytes = 0
  #isOver = false
  #auditing: Promise<void> = Promise.resolve()

  private constructor(wire: LabHost, folder: string, policy: CompiledPolicy) {
    this.#folder = folder
    this.#policy = policy
    // Named .pcap: Debian's AppArmor profile for tcpdump allows no other name.
    const files = ['-G', String(PIECE_SECONDS), '-w', `${folder}/piece-%s.pcap`, '-Z', 'root']
    const how = ['-i', bridge, '-n', '-s', '262144', '--time-stamp-precision=nano', '--buffer-size=65536']
    const [program = '', ...rest] = inNetworkOf(wire, ['setpriv', '--pdeathsig', 'KILL', 'tcpdump', ...files, ...how])
    this.#child = spawn(program, rest, { cwd: '/', env: cleanEnvironment, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString()).slice(-2000)
    })
    this.#child.on('error', error => {
      this.#words += String(error)
    })
    this.#ended = new Promise(resolve => this.#child.on('close', () => resolve()))
  }

  static async begin(wire: LabHost, folder: string, policy: CompiledPolicy): Promise<RollingAudit> {
    mkdirSync(folder, { recursive: true })
    const audit = new RollingAudit(wire, folder, policy)
    try {
      await waitUntil('tcpdump listens', 10, () => audit.#words.includes('listening on'))
    } catch (error) {
      audit.#child.kill('SIGKILL')
      throw new Error(`tcpdump did not start: ${audit.#words.trim()}`, { cause: error })
    }
    audit.#auditing = audit.#keepOn()
    return audit
  }

  get state(): RollingReport {
    return {
      ...{ pieces: this.#pieces, packets: this.#packets, bytes: this.#bytes },
      ...{ verdicts: { ...this.#verdicts }, classes: { ...this.#classes } },
      ...{ findings: [...this.#findings], spis: this.#spis.size, problems: [...this.#problems] },
    }
  }

  /** With what was still on its way to the file. */
  async stop(): Promise<RollingReport> {
    await new Promise(resolve => setTimeout(resolve, 500))
    this.#isOver = true
    this.#child.kill('SIGINT')
    await this.#ended
    await this.#auditing
    await this.#auditPieces(this.#written)
    if (!/^0 packets dropped by kernel/m.test(this.#words)) this.#problems.push(`tcpdump: ${this.#words.trim()}`)
    return this.state
  }

  /** By the time of their beginning. */
  get #written(): readonly string[] {
    return readdirSync(this.#folder)
      .filter(name => name.startsWith('piece-'))
      .sort()
  }

  async #keepOn(): Promise<void> {
    while (!this.#isOver) {
      await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
      if (!this.#isOver) await this.#auditPieces(this.#written.slice(0, -1))
    }
  }

  async #auditPieces(names: readonly string[]): Promise<void> {
    for (const name of names) {
      try {
        await this.#audit(`${this.#folder}/${name}`)
      } catch (error) {
        this.#problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
      }
      rmSync(`${this.#folder}/${name}`)
    }
  }

  async #audit(path: string): Promise<void> {
    const report = await auditFile(path, { policy: this.#policy, capturePoint: 'wire', seed: 254_728 })
    const spis = await must(['tshark', '-n', '-r', path, '-Y', 'esp', '-T', 'fields', '-e', 'esp.spi'])
    for (const [spi] of spis.matchAll(/^0x[0-9a-f]+$/gm)) this.#spis.add(spi)
    this.#pieces++
    this.#packets += report.capture.packets
    this.#bytes += report.capture.bytes
    this.#problems.push(...report.capture.problems)
    for (const name of verdicts) this.#verdicts[name] += report.totals[name]
    for (const name of classes) this.#classes[name] += report.classes[name]
    const bad = report.findings.filter(({ verdict }) => verdict !== 'exempt')
    this.#findings.push(...bad.slice(0, MOST_FINDINGS - this.#findings.length))
  }
}
