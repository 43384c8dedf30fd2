// `sealwire cert show`: what stands in certificates and requests, whether IKE can use them, and whether a CA's word holds.
import { describeFiles, type Shown } from '../../agent/certificates/describe-certificate.ts'
import { unixSeconds } from '../../base/time.ts'
import { CertInput, certOptions } from '../cert-options.ts'
import { printShown, shownJson } from '../cert-text.ts'
import { ANSWER_IS_NO, type CommandInput, type CommandSpec, FINE, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

export const certShow: CommandSpec = {
  name: 'cert show',
  summary: 'show certificates and requests: names, validity, key, and whether they will do for IKE',
  description:
    'Shows every certificate of PEM, DER and PKCS #12 files, and requests. With --ca it also says whether a host that trusts this ' +
    'CA would accept them. Exit status 0: shown, and accepted where --ca is given; 1: one will not do for IKE, or is not accepted; ' +
    '2: a file cannot be read.',
  arguments: [{ name: '<file...>', description: 'certificates, requests or PKCS #12 files', values: 'file' }],
  options: [
    { ...certOptions.ca, description: 'a CA that is trusted: does it accept them?' },
    certOptions.passphraseFile,
    jsonOption,
  ],
  examples: ['sealwire cert show corp/*.pem', 'sealwire cert show --ca corp/ca.pem corp/dc1.corp.test.pem'],
  run: runShow,
}

function runShow(given: CommandInput, console: Console): number {
  const input = new CertInput(given)
  const at = unixSeconds()
  const [ca, passphrase] = [input.text('ca'), input.passphrase()]
  const order = {
    files: given.arguments,
    ...(ca === undefined ? {} : { ca }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
  const shown = describeFiles(order, at)
  const problems = [...input.problems, ...(shown.ok ? [] : shown.error)]
  console.problems(problems)
  if (!shown.ok || problems.length > 0) {
    if (input.flag('json')) console.json({ ok: false, problems })
    return WRONG_INPUT
  }
  if (input.flag('json')) console.json({ ok: shown.value.every(isGood), certificates: shown.value.map(shownJson) })
  else {
    for (const [index, one] of shown.value.entries()) {
      if (index > 0) console.print()
      printShown(one, console, at)
    }
  }
  return shown.value.every(isGood) ? FINE : ANSWER_IS_NO
}

function isGood(shown: Shown): boolean {
  if (shown.kind === 'request') return shown.against === undefined
  const isAccepted = shown.judgement?.accepted ?? true
  return isAccepted && (shown.isAuthority || shown.againstIke.length === 0)
}
