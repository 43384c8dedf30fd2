// What is written is what our own reader and Wireshark read.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { CaptureParser } from './capture-file.ts'
import { CaptureWriter } from './capture-writer.ts'
import type { FrameSink } from './frame-sink.ts'

interface Kept {
  readonly bytes: readonly number[]
  readonly linkType: number
  readonly original: number
  readonly seconds: number
  readonly nanoseconds: number
}

function read(capture: Uint8Array): { kept: Kept[]; problem: string; warnings: readonly string[] } {
  const kept: Kept[] = []
  const sink: FrameSink = {
    frame: (bytes, start, end, linkType, original, seconds, nanoseconds) => {
      kept.push({ bytes: [...bytes.subarray(start, end)], linkType, original, seconds, nanoseconds })
    },
  }
  const parser = new CaptureParser(sink)
  const view = new DataView(capture.buffer, capture.byteOffset, capture.length)
  parser.finish(capture.length - parser.push(capture, view, capture.length))
  return { kept, problem: parser.problem, warnings: parser.warnings }
}

function collect(linkTypes: readonly number[]) {
  const parts: Uint8Array[] = []
  const writer = new CaptureWriter(bytes => parts.push(bytes), linkTypes)
  return { writer, capture: () => Uint8Array.from(Buffer.concat(parts)) }
}

test('what is written is read back: octets, link types, lengths and times to the nanosecond', () => {
  const frame = fc.record({
    bytes: fc.uint8Array({ maxLength: 300 }),
    seconds: fc.integer({ min: 0, max: 0xffff_ffff }),
    nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
    on: fc.integer({ min: 0, max: 2 }),
    more: fc.integer({ min: 0, max: 2000 }),
  })
  const links = [1, 101, 113]
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), frames => {
      const { writer, capture } = collect(links)
      for (const { bytes, seconds, nanoseconds, on, more } of frames) {
        writer.frame(bytes, seconds, nanoseconds, on, bytes.length + more)
      }
      const { kept, problem, warnings } = read(capture())
      assert.deepEqual([problem, warnings], ['', []])
      assert.deepEqual(
        kept,
        frames.map(({ bytes, seconds, nanoseconds, on, more }) => ({
          bytes: [...bytes],
          linkType: links[on],
          original: bytes.length + more,
          seconds,
          nanoseconds,
        })),
      )
    }),
  )
})

test('a capture without frames is one that can be read', () => {
  const { capture } = collect([1])
  assert.deepEqual(read(capture()), { kept: [], problem: '', warnings: [] })
})

test('a frame on an interface that was not described is refused', () => {
  const { writer } = collect([1])
  assert.throws(() => writer.frame(new Uint8Array(4), 0, 0, 1), RangeError)
})

test('Wireshark reads the clock and the frames, and finds nobody named', context => {
  if (spawnSync('tshark', ['--version']).error !== undefined) return context.skip('because tshark is not installed')
  const { writer, capture } = collect([1])
  writer.frame(new Uint8Array(60), 1_700_000_000, 123_456_789)
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-writer-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'one.pcapng')
  writeFileSync(file, capture())
  const fields = ['-T', 'fields', '-e', 'frame.time_epoch', '-e', 'frame.len']
  assert.equal(spawnSync('tshark', ['-r', file, ...fields], { encoding: 'utf8' }).stdout, '1700000000.123456789\t60\n')
  const { stdout } = spawnSync('capinfos', [file], { encoding: 'utf8' })
  assert.match(stdout, /Number of packets:\s+1$/m)
  assert.doesNotMatch(stdout, /Capture (hardware|oper-sys|application):|OS =|Name =/)
})
