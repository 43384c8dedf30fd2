// Compares what our decoder reads in the captures of ../shared/testdata with what tshark read, frame by frame and field
// by field. Run it to see every disagreement: node test/truth/compare-truth.ts [part of a capture's name…]
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { formatAddress, isLimitedBroadcast, isMulticast } from '../../src/base/address.ts'
import { AH, ESP, RSVP, TCP, UDP } from '../../src/base/flow.ts'
import { CaptureParser } from '../../src/wire/capture-file.ts'
import { decodeFrame } from '../../src/wire/decode.ts'
import { ESP_IN_UDP, IKE, IS_IP, Packet } from '../../src/wire/packet.ts'

export const testdata: string = resolve(import.meta.dirname, '../../../shared/testdata')

/** Empty where the captures and their truth are at hand, else why they are not. */
export const testdataMissing: string = existsSync(join(testdata, 'truth'))
  ? ''
  : '../shared/testdata is not on this machine'

/** What both sides say of one frame, as the truth writes it; empty where there is nothing to say. */
export type FrameFacts = Readonly<Record<Field, string>>
export const fields = [
  'time',
  'version',
  'source',
  'destination',
  'protocol',
  'upper',
  'ports',
  'fragment',
  'class',
] as const
export type Field = (typeof fields)[number]

export interface Disagreement {
  /** Path below `captures`. */
  readonly capture: string
  /** Counted as Wireshark counts; 0 speaks of the whole capture. */
  readonly frame: number
  readonly field: Field | 'frames'
  readonly ours: string
  readonly truth: string
}

export interface Comparison {
  readonly frames: number
  readonly disagreements: readonly Disagreement[]
}

export function listCaptures(): string[] {
  return globSync('**/*', { cwd: join(testdata, 'captures'), withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(join(testdata, 'captures').length + 1))
    .sort()
}

/** The bytes of a file of the test data, unpacked where it is gzipped. */
export function readTestdata(path: string): Buffer {
  const bytes = readFileSync(join(testdata, path))
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes
}

export function compareCapture(capture: string): Comparison {
  const ours = ourFacts(readTestdata(join('captures', capture)))
  const truth = truthFacts(capture)
  const disagreements: Disagreement[] = []
  if (ours.length !== truth.length) {
    disagreements.push({ capture, frame: 0, field: 'frames', ours: `${ours.length}`, truth: `${truth.length}` })
  }
  for (let index = 0; index < Math.min(ours.length, truth.length); index++) {
    const mine = ours[index]
    const theirs = truth[index]
    for (const field of fields) {
      const [a, b] = [mine?.[field] ?? '', theirs?.[field] ?? '']
      if (a !== b) disagreements.push({ capture, frame: index + 1, field, ours: a, truth: b })
    }
  }
  return { frames: truth.length, disagreements }
}

/** One entry a frame; undefined where the file holds a block that Wireshark counts and that is no packet. */
function ourFacts(bytes: Buffer): (FrameFacts | undefined)[] {
  const packet = new Packet()
  const found: (FrameFacts | undefined)[] = []
  const parser = new CaptureParser({
    frame(buffer, start, end, linkType, _original, seconds, nanoseconds, number) {
      decodeFrame(packet, buffer, linkType, start, end)
      found[number - 1] = factsOf(packet, `${seconds}.${String(nanoseconds).padStart(9, '0')}`)
    },
  })
  parser.finish(
    bytes.length - parser.push(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes.length),
  )
  found.length = Math.max(found.length, parser.frames)
  return found
}

function factsOf(packet: Packet, time: string): FrameFacts {
  const isIp = packet.kind === IS_IP
  return {
    time,
    version: isIp ? String(packet.version) : '',
    source: isIp ? formatAddress(packet.source()) : '',
    destination: isIp ? formatAddress(packet.destination()) : '',
    protocol: isIp ? String(packet.protocol) : '',
    upper: packet.upper < 0 ? '' : String(packet.upper),
    ports: packet.sourcePort < 0 ? '' : `${packet.sourcePort} ${packet.destinationPort}`,
    fragment: isIp ? String(packet.fragmentOffset) : '',
    class: classOf(packet),
  }
}

function classOf(packet: Packet): string {
  if (packet.kind !== IS_IP) return 'not-ip'
  if (packet.content === IKE) return 'ike'
  if (packet.content === ESP_IN_UDP || packet.protocol === ESP) return 'esp'
  if (packet.protocol === AH) return 'ah'
  const onKerberos = packet.sourcePort === 88 || packet.destinationPort === 88
  if (onKerberos && (packet.protocol === TCP || packet.protocol === UDP)) return 'kerberos'
  if (packet.protocol === RSVP) return 'rsvp'
  const destination = packet.destination()
  if (isMulticast(destination)) return 'multicast'
  if (isLimitedBroadcast(destination) || packet.linkBroadcast) return 'broadcast'
  return 'unicast'
}

function truthFacts(capture: string): (FrameFacts | undefined)[] {
  const plain = join('truth', capture.replace(/\.gz$/, ''))
  const candidates = [
    `${join('truth', capture)}.csv`,
    `${join('truth', capture)}.csv.gz`,
    `${plain}.csv`,
    `${plain}.csv.gz`,
  ]
  const file = candidates.find(name => existsSync(join(testdata, name)))
  if (file === undefined) throw new Error(`the test data hold no truth for ${capture}`)
  const [header = '', ...lines] = readTestdata(file).toString('utf8').trimEnd().split('\n')
  const names = header.trimEnd().split(',')
  return lines.map(line => {
    const cells = line.trimEnd().split(',')
    const row = Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']))
    return row['rec'] === 'packet' ? factsOfRow(row) : undefined
  })
}

function factsOfRow(row: Readonly<Record<string, string>>): FrameFacts {
  const isIp = row['ipver'] !== ''
  return {
    // A simple packet block has no time; we say the epoch.
    time: row['time_epoch'] || '0.000000000',
    version: row['ipver'] ?? '',
    source: row['src'] ?? '',
    destination: row['dst'] ?? '',
    protocol: row['proto'] ?? '',
    upper: row['upper'] ?? '',
    ports: row['sport'] === '' ? '' : `${row['sport']} ${row['dport']}`,
    fragment: isIp ? row['frag_off'] || '0' : '',
    class: classOfRow(new Set((row['facts'] ?? '').split(' '))),
  }
}

function classOfRow(facts: ReadonlySet<string>): string {
  if (facts.has('ike')) return 'ike'
  if (facts.has('esp') || facts.has('esp-in-udp')) return 'esp'
  if (facts.has('ah')) return 'ah'
  if (facts.has('udp88') || facts.has('tcp88')) return 'kerberos'
  if (facts.has('rsvp')) return 'rsvp'
  if (facts.has('mcast')) return 'multicast'
  if (facts.has('bcast-limited') || facts.has('l2-bcast')) return 'broadcast'
  if (facts.has('non-ip') || facts.has('ip-undecoded')) return 'not-ip'
  return 'unicast'
}

if (import.meta.main) {
  let frames = 0
  let count = 0
  for (const capture of listCaptures()) {
    if (process.argv.length > 2 && !process.argv.slice(2).some(part => capture.includes(part))) continue
    const { frames: compared, disagreements } = compareCapture(capture)
    frames += compared
    count += disagreements.length
    for (const { frame, field, ours, truth } of disagreements) {
      console.log(`${capture} frame ${frame}: ${field}: ours "${ours}", truth "${truth}"`)
    }
  }
  console.log(`${frames} frames compared, ${count} disagreements`)
}
