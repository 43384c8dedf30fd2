// Records what crosses the bridge: every packet once, whole, with nanosecond times. tcpdump writes a plain pcap file, which
// has no room for names; the pcapng file made of it says nothing about this machine either (no host, system, device name).

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { inNetworkOf, type LabHost } from './namespace.ts'
import { bridge } from './network.ts'
import { cleanEnvironment, waitUntil } from './run.ts'

export interface Recording {
  /** Ends the recording; its pcapng file. An Error if the kernel dropped a packet. A second call changes nothing. */
  stop(): Promise<Buffer>
}

const snapshotLength = 262_144

export async function record(wire: LabHost, directory: string): Promise<Recording> {
  // Named .pcap: Debian's AppArmor profile for tcpdump allows no other name.
  const raw = `${directory}/recording.pcap`
  const tcpdump = ['tcpdump', '-i', bridge, '-n', '-s', String(snapshotLength), '-w', raw, '-Z', 'root']
  const precise = ['--time-stamp-precision=nano', '--buffer-size=32768', '--immediate-mode']
  // It enters only the network, so that the PID is tcpdump's own; should this process be killed, so is it.
  const [program = '', ...rest] = inNetworkOf(wire, ['setpriv', '--pdeathsig', 'KILL', ...tcpdump, ...precise])
  const child = spawn(program, rest, { cwd: '/', env: cleanEnvironment, stdio: ['ignore', 'ignore', 'pipe'] })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  child.on('error', error => {
    words += String(error)
  })
  const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
  try {
    await waitUntil('tcpdump listens', 5, () => words.includes('listening on'))
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`tcpdump did not start: ${words.trim()}`, { cause: error })
  }
  return {
    async stop() {
      // The last packets may still be under way to it.
      await new Promise(resolve => setTimeout(resolve, 300))
      child.kill('SIGINT')
      await ended
      if (!/^0 packets dropped by kernel/m.test(words)) throw new Error(`tcpdump lost packets: ${words.trim()}`)
      return pcapngOf(readFileSync(raw))
    },
  }
}

/**
 * A nanosecond pcap file of this machine's byte order as little-endian pcapng with the least there can be: a section
 * header without options, one Ethernet interface whose only option is the resolution of its times, the packets.
 */
export function pcapngOf(pcap: Buffer): Buffer {
  if (pcap.readUInt32LE(0) !== 0xa1b23c4d) throw new Error('not a little-endian pcap file with nanoseconds')
  const blocks = [sectionHeader(), interfaceDescription(pcap.readUInt32LE(20) & 0xffff)]
  const packetHeader = 16
  let at = 24
  while (at + packetHeader <= pcap.length) {
    const time = BigInt(pcap.readUInt32LE(at)) * 1_000_000_000n + BigInt(pcap.readUInt32LE(at + 4))
    const kept = pcap.readUInt32LE(at + 8)
    const fields = Buffer.alloc(20)
    fields.writeUInt32LE(Number(time >> 32n), 4)
    fields.writeUInt32LE(Number(time & 0xffff_ffffn), 8)
    fields.writeUInt32LE(kept, 12)
    pcap.copy(fields, 16, at + 12, at + 16)
    const bytes = pcap.subarray(at + packetHeader, at + packetHeader + kept)
    blocks.push(block(6, Buffer.concat([fields, bytes, Buffer.alloc(-kept & 3)])))
    at += packetHeader + kept
  }
  return Buffer.concat(blocks)
}

function sectionHeader(): Buffer {
  const body = Buffer.alloc(16, 0xff)
  body.writeUInt32LE(0x1a2b3c4d, 0)
  body.writeUInt16LE(1, 4)
  body.writeUInt16LE(0, 6)
  return block(0x0a0d0d0a, body)
}

function interfaceDescription(linkType: number): Buffer {
  const body = Buffer.alloc(20)
  body.writeUInt16LE(linkType, 0)
  body.writeUInt32LE(snapshotLength, 4)
  const timeResolution = 9
  body.writeUInt16LE(timeResolution, 8)
  body.writeUInt16LE(1, 10)
  body.writeUInt8(timeResolution, 12) // 10^-9 s; the option's number happens to be 9 as well
  return block(1, body)
}

function block(type: number, body: Buffer): Buffer {
  const whole = Buffer.alloc(12 + body.length)
  whole.writeUInt32LE(type, 0)
  whole.writeUInt32LE(whole.length, 4)
  body.copy(whole, 8)
  whole.writeUInt32LE(whole.length, whole.length - 4)
  return whole
}
