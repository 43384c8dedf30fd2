// What is IKE, ESP or a keepalive on ports 500 and 4500, and what only uses the ports.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeIp } from './decode.ts'
import { ESP_IN_UDP, IKE, KEEPALIVE, Packet, PLAIN, type UdpContent } from './packet.ts'
import { bytesOf } from './test-frames.ts'

function hex16(value: number): string {
  return value.toString(16).padStart(4, '0')
}

/** A UDP datagram of `announced` payload octets, of which `payload` was captured. */
function datagram(source: number, destination: number, payload: string, announced = bytesOf(payload).length): Packet {
  const ports = `${hex16(source)}${hex16(destination)}`
  const total = hex16(28 + announced)
  const bytes = bytesOf(
    `4500${total} 00010000 40110000 0a010203 0a040506 ${ports} ${hex16(8 + announced)} 0000 ${payload}`,
  )
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  return packet
}

/** An IKE header with `body` more octets: version, exchange, flags. */
function ike(version: string, exchange: string, flags: string, body = 8, length = 28 + body): string {
  const stated = length.toString(16).padStart(8, '0')
  return `0102030405060708 0000000000000000 21 ${version} ${exchange} ${flags} 00000000 ${stated} ${'00'.repeat(body)}`
}

interface Case {
  readonly name: string
  readonly ports: readonly [number, number]
  readonly payload: string
  readonly announced?: number
  readonly content: UdpContent
  readonly spi?: number
}

const cases: readonly Case[] = [
  { name: 'IKE_SA_INIT', ports: [500, 500], payload: ike('20', '22', '08'), content: IKE },
  { name: 'IKE_SA_INIT from another port', ports: [10500, 500], payload: ike('20', '22', '08'), content: IKE },
  { name: 'an answer to another port', ports: [500, 10500], payload: ike('20', '22', '20'), content: IKE },
  { name: 'IKE_AUTH', ports: [500, 500], payload: ike('20', '23', '08'), content: IKE },
  { name: 'IKE_INTERMEDIATE', ports: [500, 500], payload: ike('20', '2b', '08'), content: IKE },
  {
    name: 'version 2 with reserved flags, which a receiver ignores',
    ports: [500, 500],
    payload: ike('20', '22', 'ff'),
    content: IKE,
  },
  { name: 'main mode of version 1', ports: [500, 500], payload: ike('10', '02', '00'), content: IKE },
  { name: 'aggressive mode of version 1', ports: [500, 500], payload: ike('10', '04', '00'), content: IKE },
  { name: 'quick mode of version 1', ports: [500, 500], payload: ike('10', '20', '01'), content: IKE },
  {
    name: 'IKE on 4500 behind the marker',
    ports: [4500, 4500],
    payload: `00000000 ${ike('20', '23', '08')}`,
    content: IKE,
  },
  {
    name: 'version 1 on 4500 behind the marker',
    ports: [4500, 4500],
    payload: `00000000 ${ike('10', '02', '01')}`,
    content: IKE,
  },
  {
    name: 'IKE of which 40 octets were captured',
    ports: [500, 500],
    payload: ike('20', '23', '08', 12, 1200),
    announced: 1200,
    content: IKE,
  },
  {
    name: 'IKE of which 26 octets were captured',
    ports: [500, 500],
    payload: ike('20', '23', '08', 0, 1200).replaceAll(' ', '').slice(0, 52),
    announced: 1200,
    content: IKE,
  },
  {
    name: 'IKE of which 20 octets were captured',
    ports: [500, 500],
    payload: ike('20', '23', '08').replaceAll(' ', '').slice(0, 40),
    announced: 1200,
    content: PLAIN,
  },
  { name: 'text on port 500', ports: [500, 500], payload: '68656c6c6f20776f726c64'.repeat(10), content: PLAIN },
  { name: 'zeros on port 500', ports: [500, 500], payload: '00'.repeat(64), content: PLAIN },
  {
    name: 'a DNS query on port 500',
    ports: [500, 53],
    payload: '1234 0100 0001 0000 0000 0000 03777777 07657861 6d706c65 03636f6d 00 0001 0001',
    content: PLAIN,
  },
  {
    name: 'a header whose length is over the datagram',
    ports: [500, 500],
    payload: ike('20', '22', '08', 8, 100),
    content: PLAIN,
  },
  {
    name: 'a header whose length is under 28',
    ports: [500, 500],
    payload: ike('20', '22', '08', 8, 27),
    content: PLAIN,
  },
  { name: 'version 3', ports: [500, 500], payload: ike('30', '22', '08'), content: PLAIN },
  {
    name: 'version 2 with an exchange of version 1',
    ports: [500, 500],
    payload: ike('20', '02', '08'),
    content: PLAIN,
  },
  { name: 'version 1 with exchange 0', ports: [500, 500], payload: ike('10', '00', '00'), content: PLAIN },
  { name: 'an IKE header on port 501', ports: [501, 501], payload: ike('20', '22', '08'), content: PLAIN },
  {
    name: 'IKE on 4500 without the marker, which is ESP by its form',
    ports: [4500, 4500],
    payload: ike('20', '22', '08'),
    content: ESP_IN_UDP,
    spi: 0x01020304,
  },
  {
    name: 'ESP',
    ports: [4500, 4500],
    payload: 'fedcba98 00000001 00112233 44556677 8899aabb',
    content: ESP_IN_UDP,
    spi: 0xfedcba98,
  },
  {
    name: 'ESP to another port',
    ports: [4500, 61000],
    payload: '00000100 00000001 00112233 44556677 8899aabb',
    content: ESP_IN_UDP,
    spi: 256,
  },
  {
    name: 'ESP of which the SPI was captured',
    ports: [4500, 4500],
    payload: 'fedcba98',
    announced: 100,
    content: ESP_IN_UDP,
    spi: 0xfedcba98,
  },
  { name: 'a reserved SPI', ports: [4500, 4500], payload: '000000ff 00000001 00112233', content: PLAIN },
  {
    name: 'what fills no whole words',
    ports: [4500, 4500],
    payload: 'fedcba98 00000001 00112233 44556677 8899aabbcc',
    content: PLAIN,
  },
  {
    name: 'what is shorter than any ESP',
    ports: [4500, 4500],
    payload: 'fedcba98 00000001 00112233 44556677',
    content: PLAIN,
  },
  {
    name: 'ESP on port 500',
    ports: [500, 500],
    payload: 'fedcba98 00000001 00112233 44556677 8899aabb',
    content: PLAIN,
  },
  { name: 'too short for ESP', ports: [4500, 4500], payload: 'fedcba98 000000', content: PLAIN },
  { name: 'the marker with nothing behind', ports: [4500, 4500], payload: '00000000', content: PLAIN },
  { name: 'a keepalive', ports: [4500, 4500], payload: 'ff', content: KEEPALIVE },
  { name: 'one octet that is no keepalive', ports: [4500, 4500], payload: 'fe', content: PLAIN },
  { name: 'a keepalive on port 500', ports: [500, 500], payload: 'ff', content: PLAIN },
  { name: 'nothing', ports: [4500, 4500], payload: '', content: PLAIN },
]

const words = ['neither', 'IKE', 'ESP in UDP', 'a keepalive']

for (const { name, ports, payload, announced, content, spi = 0 } of cases) {
  test(`UDP ${ports.join(' to ')}, ${name}: ${words[content]}`, () => {
    const packet = datagram(ports[0], ports[1], payload, announced)
    assert.equal(packet.content, content)
    assert.equal(packet.spi, spi)
  })
}
