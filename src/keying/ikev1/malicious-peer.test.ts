// What a peer that takes part, or somebody who changes its messages in clear on the way, can do to a host of IKEv1: it costs no
// more than it should, ends nothing of anybody else's, and throws nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../base/address.ts'
import { readMessageV1, writeMessageV1 } from '../../wire/ike/v1-message.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import type { PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import { Authority } from '../ikev2/test-certificates.ts'
import type { Path } from '../machine.ts'
import { START_DATE, type TestHost, TestNet } from '../test-hosts.ts'
import { provedBy, twoHosts, v1Policy } from './test-hosts-v1.ts'
import { TestKerberos } from './test-kerberos.ts'

const MAIN = exchangeTypesV1.of['main mode']

/** A message of main mode in clear, with other payloads; `undefined` for every other message. */
function rewritten(bytes: Uint8Array, change: (payloads: readonly PayloadV1[]) => readonly PayloadV1[]) {
  const read = readMessageV1(bytes)
  if (!read.ok || read.value.kind !== 'clear' || read.value.header.exchange !== MAIN) return undefined
  const { header, payloads } = read.value
  return writeMessageV1({ kind: 'clear', header, payloads: change(payloads) })
}

const has = (payloads: readonly PayloadV1[], kind: PayloadV1['kind']) => payloads.some(one => one.kind === kind)

function arrive(host: TestHost, { local, remote }: Path, bytes: Uint8Array): void {
  host.input({ kind: 'datagram', path: { local: remote, remote: local }, bytes })
}

function withKerberos(net: TestNet) {
  const policy = v1Policy({ authentication: [{ kind: 'kerberos', kdc: [] }] })
  const own = (principal: string) => ({ credentials: provedBy(policy, { kind: 'kerberos', principal }) })
  const hosts = twoHosts(net, policy, [own('DC1$@R'), own('DC2$@R')])
  const system = new TestKerberos(net)
  for (const host of hosts) system.serve(host)
  return hosts
}

test('an answer by Kerberos that has no token leads nowhere, however often it comes, and the right one still counts', () => {
  const net = new TestNet(1)
  const [left, right] = withKerberos(net)
  let spoiled = 0
  net.tamper = (bytes, path) => {
    if (path.remote.address !== left.address) return [bytes]
    const without = rewritten(bytes, payloads => {
      if (!has(payloads, 'key-exchange')) return payloads
      spoiled++
      return payloads.filter(({ kind }) => kind !== 'gss-token')
    })
    if (without === undefined || spoiled === 0) return [bytes]
    const again = rewritten(without, payloads => [...payloads, { kind: 'vendor-id', id: new Uint8Array(16) }])!
    return [without, again, bytes]
  }
  left.needs(right)
  net.advance(5)
  assert.ok(spoiled > 0)
  assert.ok(left.reaches(right), net.picture())
})
