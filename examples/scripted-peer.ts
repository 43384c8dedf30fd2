// Plays an IKE peer that misbehaves by a script against our own endpoint, in memory, and prints what happens:
//   node examples/scripted-peer.ts
import { answering, type ScriptedFault, ScriptedWire } from 'sealwire/keying/scripted-wire'
import { notification } from 'sealwire/wire/ike/notify'

const policy = `
ike: { security: [aes256gcm16-prfsha384-curve25519], liveness: 0 }
rules:
  - name: all
    filters: [{ source: me, destination: any }]
    action: negotiate
    authentication: [{ preSharedKey: "a secret of this example alone" }]
`
const wrongAnswer = answering(notification('NO_PROPOSAL_CHOSEN', {}))
const scripts: Readonly<Record<string, readonly ScriptedFault[]>> = {
  'nothing goes wrong': [],
  'the first answer is lost: the request is sent again': [{ on: 'IKE_SA_INIT response', kind: 'drop' }],
  'the proof comes twice: the second is answered from memory': [{ on: 'IKE_AUTH request', kind: 'duplicate' }],
  'the last answer is two seconds late': [{ on: 'IKE_AUTH response', kind: 'delay', seconds: 2 }],
  'a bit of the proof is altered on its way': [{ on: 'IKE_AUTH request', kind: 'alter' }],
  'somebody else answers first: the peer is still heard': [
    { on: 'IKE_SA_INIT response', kind: 'replace', by: wrongAnswer },
  ],
  'the peer answers that it knows none of it': [
    { on: 'IKE_SA_INIT response', kind: 'replace', by: wrongAnswer, times: 99 },
  ],
  'the peer never answers the proof': [{ on: 'IKE_AUTH response', kind: 'drop', times: 99 }],
}

for (const [title, faults] of Object.entries(scripts)) {
  console.log(`\n${title}`)
  const wire = new ScriptedWire({ faults, tell: console.log })
  const [ours, peer] = [wire.host('ours', '10.54.0.1', policy), wire.host('peer', '10.54.0.2', policy)]
  ours.needsKeysTo(peer)
  wire.run(90)
  console.log(`     then  ours has ${ours.pairs.size} pair of associations, the peer ${peer.pairs.size}`)
}
