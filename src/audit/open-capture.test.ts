// Captures as files: packed, cut off, long, from a pipe; and the two readings that telling every packet needs.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { constants, gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { compiledFor, everything } from '../../test/audit-frames.ts'
import { type Bytes, esp, ethernet, ip, octets, pcap, pcapng, tcp } from '../../test/build-frames.ts'
import { auditFile } from './audit-file.ts'
import { auditFiles } from './audit-files.ts'
import { readCapture } from './open-capture.ts'
import type { Verdict } from './verdict.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-audit-'))
after(() => rmSync(folder, { recursive: true }))

let written = 0
function file(bytes: Bytes): string {
  const path = join(folder, `${written++}.capture`)
  writeFileSync(path, bytes)
  return path
}

/** Counts frames, and adds up what distinguishes them. */
class Counter {
  frames = 0
  bytes = 0
  frame(_bytes: Bytes, start: number, end: number): void {
    this.frames++
    this.bytes += end - start
  }
}

async function read(path: string) {
  const counter = new Counter()
  const told = await readCapture(path, counter)
  return { ...told, counted: counter.frames, frameBytes: counter.bytes }
}

/** Frames whose content does not pack well, so that a cut in the packed file is a cut in the middle of the frames. */
function noisyFrames(count: number): { bytes: Bytes }[] {
  let state = 1
  return Array.from({ length: count }, () => {
    const payload = octets(1000).map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    })
    return { bytes: ethernet(ip('10.54.0.1', '10.54.0.2', 6, tcp(1024, 445, payload))) }
  })
}

const packers = [
  ['plain', (bytes: Bytes) => bytes],
  ['gzip', (bytes: Bytes) => gzipSync(bytes)],
  ['zstd', (bytes: Bytes) => zstdCompressSync(bytes)],
  ['two gzip members', (bytes: Bytes) => Buffer.concat([gzipSync(bytes.slice(0, 5000)), gzipSync(bytes.slice(5000))])],
] as const

test('a capture is read whole, packed or not', async () => {
  const frames = noisyFrames(300)
  for (const [name, pack] of packers) {
    for (const capture of [pcap(frames), pcapng(frames)]) {
      const told = await read(file(pack(capture)))
      assert.deepEqual([told.problem, told.frames, told.counted], ['', 300, 300], name)
      assert.equal(told.bytes, capture.length, name)
    }
  }
})

test('a packed capture that is cut off delivers every frame before the cut, and says that it is cut off', async () => {
  const frames = noisyFrames(300)
  const capture = pcap(frames)
  const record = frames[0]!.bytes.length + 16
  for (const [name, pack, unpack] of [
    ['gzip', gzipSync, (bytes: Buffer) => gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH })],
    ['zstd', zstdCompressSync, undefined],
  ] as const) {
    const packed = pack(capture)
    for (const length of [3, 4, 20, 1000, 50_000, 150_001, 290_000, packed.length - 9, packed.length - 1]) {
      const cut = packed.subarray(0, length)
      const told = await read(file(cut))
      assert.notEqual(told.problem, '', `${name} cut to ${length}`)
      if (unpack === undefined || length < 20) continue
      // What comes out of the cut file at all, asked of the library directly.
      assert.equal(
        told.counted,
        Math.max(0, Math.floor((unpack(cut).length - 24) / record)),
        `${name} cut to ${length}`,
      )
    }
  }
})

test('a packed capture that is damaged is told to be, and what came before the damage is delivered', async () => {
  const packed = gzipSync(pcap(noisyFrames(300)))
  packed.fill(0xff, 150_000, 150_100)
  const told = await read(file(packed))
  assert.match(told.problem, /^the packed file is cut off or damaged/)
  assert.ok(told.counted >= 100)
})

test('a packed file that holds no capture is none', async () => {
  const told = await read(file(gzipSync(Buffer.from('x'.repeat(100_000)))))
  assert.equal(told.format, 'unknown')
  assert.match(told.problem, /^not a capture file/)
})

test('a record longer than the buffer is read', async () => {
  const long = ethernet(ip('10.54.0.1', '10.54.0.2', 6, tcp(1, 2)))
  const bytes = new Uint8Array(9 * 1024 * 1024)
  bytes.set(long)
  for (const [name, pack] of packers.slice(0, 3)) {
    const told = await read(file(pack(pcap([{ bytes: long }, { bytes }, { bytes: long }]))))
    assert.deepEqual([told.problem, told.counted, told.frameBytes], ['', 3, bytes.length + 2 * long.length], name)
  }
})

test('a record that claims more than any capture holds ends the reading', async () => {
  const capture = pcap(noisyFrames(3))
  new DataView(capture.buffer).setUint32(24 + 8, 0x7fffffff, true)
  const told = await read(file(capture))
  assert.match(told.problem, /claims 2147483647 bytes/)
  assert.equal(told.counted, 0)
})

test('a file that is not there, or is a folder, is an error of its own', async () => {
  await assert.rejects(read(join(folder, 'nowhere')), /ENOENT/)
  await assert.rejects(read(folder), /is a folder/)
})

test('a capture comes through a named pipe, packed or not, and every packet of it is told', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  for (const [name, pack] of packers.slice(0, 3)) {
    const source = file(pack(pcap(receiverFrames())))
    const writer = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', source, path], { stdio: 'ignore' })
    const told: Verdict[] = []
    const report = await auditFile(path, {
      policy: compiledFor(everything),
      capturePoint: 'auto',
      seed: 1,
      onPacket: ({ verdict }, isCopy) => told.push(isCopy ? 'protected' : verdict),
    })
    await new Promise(resolve => (writer.exitCode === null ? writer.on('close', resolve) : resolve(0)))
    assert.equal(report.capture.packets, 40, name)
    assert.equal(told.length, 40, name)
    // A pipe is read once, so nothing is known to be a copy: neither in the lines nor in the sums.
    assert.equal(told.filter(verdict => verdict === 'leaked').length, report.totals.leaked, name)
    assert.equal(report.totals.leaked, 20, name)
  }
})

function receiverFrames(): { bytes: Bytes }[] {
  return Array.from({ length: 20 }, (_, index) => {
    const content = tcp(1024, 445, octets(index * 30))
    const seal = esp(9, index, 8 + Math.ceil((content.length + 2) / 4) * 4 + 16)
    return [[50, seal] as const, [6, content] as const].map(([protocol, payload]) => ({
      bytes: ethernet(ip('10.54.0.1', '10.54.0.2', protocol, payload, { identification: index + 1 })),
    }))
  }).flat()
}

test('what is told of each packet of a file agrees with the sums, opened copies included', async () => {
  for (const capturePoint of ['auto', 'wire', 'receiver'] as const) {
    const told: Verdict[] = []
    const report = await auditFile(file(gzipSync(pcap(receiverFrames()))), {
      policy: compiledFor(everything),
      capturePoint,
      seed: 1,
      onPacket: ({ verdict }, isCopy) => told.push(isCopy ? 'protected' : verdict),
    })
    assert.equal(told.filter(verdict => verdict === 'protected').length, report.totals.protected, capturePoint)
    assert.equal(report.totals.leaked, capturePoint === 'wire' ? 20 : 0)
  }
})

test('several captures are audited at once; one that cannot be opened fails alone', async () => {
  const good = file(pcap(receiverFrames()))
  const files = [good, join(folder, 'nowhere'), file(gzipSync(pcap(noisyFrames(5)))), folder, file(octets(3))]
  const settings = { policy: everything, me: 'any', capturePoint: 'auto', seed: 1 } as const
  let last = 0
  const outcomes = await auditFiles(files, settings, done => {
    assert.ok(done >= last)
    last = done
  })
  assert.deepEqual(
    outcomes.map(outcome => (outcome.ok ? outcome.report.capture.packets : outcome.message.split(':')[0])),
    [40, 'ENOENT', 5, `${folder} is a folder, not a capture file`, 0],
  )
  const [first] = outcomes
  assert.deepEqual(
    first?.ok === true && first.report,
    await auditFile(good, { ...settings, policy: compiledFor(everything) }),
  )
})
