// Attacks and mishaps that a review thought of: each was possible once, or was looked for and is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import { RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, writeMessage } from '../../wire/ike/message.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import { ikeProposals } from '../choose-proposal.ts'
import type { Path } from '../machine.ts'
import { type TestHost, TestNet } from '../test-hosts.ts'

/** The way on which `from` reaches `to`, as `to` sees it. */
function pathTo(to: TestHost, from: TestHost, port = 500): Path {
  return { local: { address: to.address, port }, remote: { address: from.address, port } }
}

function sealedPair(seed: number) {
  const net = new TestNet(seed)
  const [one, two] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  one.needs(two)
  net.advance(5)
  assert.ok(one.reaches(two) && two.reaches(one))
  return { net, one, two }
}

/** What anybody can write who has seen the SPIs on their way. */
function clearInit(host: TestHost, spis: { initiator: bigint; responder: bigint }, flags: number): Uint8Array {
  const proposals = ikeProposals(ikeOffersOf(host.policy), new Uint8Array(0))
  return writeMessage({
    header: {
      initiatorSpi: spis.initiator,
      responderSpi: spis.responder,
      version: IKE_VERSION_2,
      exchange: exchangeTypes.of.IKE_SA_INIT,
      flags,
      messageId: 0,
    },
    payloads: [
      payload('security-association', { proposals }),
      payload('key-exchange', { method: 31, publicValue: new Uint8Array(32) }),
      payload('nonce', { nonce: new Uint8Array(32) }),
    ],
  })
}

test('a first message in clear that names a standing session changes nothing of it', () => {
  for (const flags of [0, 8, RESPONSE, 8 | RESPONSE]) {
    const { net, one, two } = sealedPair(1)
    const initiator = BigInt(`0x${one.endpoint.sessions()[0]!.id}`)
    const responder = BigInt(`0x${two.endpoint.sessions()[0]!.id}`)
    for (const [to, from] of [
      [one, two],
      [two, one],
    ] as const) {
      to.input({ kind: 'datagram', path: pathTo(to, from), bytes: clearInit(to, { initiator, responder }, flags) })
    }
    net.advance(5)
    assert.ok(one.reaches(two) && two.reaches(one), `flags ${flags}`)
  }
})
