// Notify message types of IKEv1 (RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706, and Windows's own from [MS-IKEE]). Below
// 16384 stand errors, from there on statuses; 8192 to 16383 and 32768 to 40959 are for private use.
import { numberTable } from './number-table.ts'

/** The first number that is no error (RFC 2408 §3.14.1). */
export const FIRST_STATUS_V1 = 16384

export const notifyTypesV1 = numberTable('notify type of IKEv1', {
  'INVALID-PAYLOAD-TYPE': [1, 'a payload is not known', 'RFC 2408 §3.14.1'],
  'DOI-NOT-SUPPORTED': [2, 'the domain of interpretation is not spoken', 'RFC 2408 §3.14.1'],
  'SITUATION-NOT-SUPPORTED': [3, 'the situation is not supported', 'RFC 2408 §3.14.1'],
  'INVALID-COOKIE': [4, 'no main mode SA has these cookies', 'RFC 2408 §3.14.1'],
  'INVALID-MAJOR-VERSION': [5, 'the version of IKE is not spoken', 'RFC 2408 §3.14.1'],
  'INVALID-MINOR-VERSION': [6, 'the minor version is not spoken', 'RFC 2408 §3.14.1'],
  'INVALID-EXCHANGE-TYPE': [7, 'the exchange is not known or not wanted', 'RFC 2408 §3.14.1'],
  'INVALID-FLAGS': [8, 'flags are set that mean nothing', 'RFC 2408 §3.14.1'],
  'INVALID-MESSAGE-ID': [9, 'the message ID fits no exchange', 'RFC 2408 §3.14.1'],
  'INVALID-PROTOCOL-ID': [10, 'the protocol is not known', 'RFC 2408 §3.14.1'],
  'INVALID-SPI': [11, 'no SA has this SPI', 'RFC 2408 §3.14.1'],
  'INVALID-TRANSFORM-ID': [12, 'the transform is not known', 'RFC 2408 §3.14.1'],
  'ATTRIBUTES-NOT-SUPPORTED': [13, 'attributes of a transform are not supported', 'RFC 2408 §3.14.1'],
  'NO-PROPOSAL-CHOSEN': [14, 'no proposal can be accepted', 'RFC 2408 §3.14.1'],
  'BAD-PROPOSAL-SYNTAX': [15, 'a proposal does not have the form it has to have', 'RFC 2408 §3.14.1'],
  'PAYLOAD-MALFORMED': [16, 'a payload does not have the form it has to have', 'RFC 2408 §3.14.1'],
  'INVALID-KEY-INFORMATION': [17, 'the public value is no use', 'RFC 2408 §3.14.1'],
  'INVALID-ID-INFORMATION': [18, 'the identities fit no policy', 'RFC 2408 §3.14.1'],
  'INVALID-CERT-ENCODING': [19, 'the certificate cannot be read', 'RFC 2408 §3.14.1'],
  'INVALID-CERTIFICATE': [20, 'the certificate is not valid', 'RFC 2408 §3.14.1'],
  'CERT-TYPE-UNSUPPORTED': [21, 'the type of certificate is not supported', 'RFC 2408 §3.14.1'],
  'INVALID-CERT-AUTHORITY': [22, 'the authority of the certificate is not known', 'RFC 2408 §3.14.1'],
  'INVALID-HASH-INFORMATION': [23, 'the hash is not right', 'RFC 2408 §3.14.1'],
  'AUTHENTICATION-FAILED': [24, 'the peer has not proved who it is', 'RFC 2408 §3.14.1'],
  'INVALID-SIGNATURE': [25, 'the signature is not right', 'RFC 2408 §3.14.1'],
  'ADDRESS-NOTIFICATION': [26, 'where the sender is', 'RFC 2408 §3.14.1'],
  'NOTIFY-SA-LIFETIME': [27, 'how long an SA lives', 'RFC 2408 §3.14.1'],
  'CERTIFICATE-UNAVAILABLE': [28, 'no certificate as asked for', 'RFC 2408 §3.14.1'],
  'UNSUPPORTED-EXCHANGE-TYPE': [29, 'the exchange is not supported', 'RFC 2408 §3.14.1'],
  'UNEQUAL-PAYLOAD-LENGTHS': [30, 'the lengths do not agree', 'RFC 2408 §3.14.1'],
  CONNECTED: [16384, 'the SA can be used: the answer to the commit bit', 'RFC 2408 §3.14.1, RFC 2409 §5.5'],
  'RESPONDER-LIFETIME': [24576, 'the responder takes a shorter lifetime', 'RFC 2407 §4.6.3.1'],
  'REPLAY-STATUS': [24577, 'whether the responder looks for replays', 'RFC 2407 §4.6.3.2'],
  'INITIAL-CONTACT': [24578, 'the sender has no other SA with this peer', 'RFC 2407 §4.6.3.3'],
  'R-U-THERE': [36136, 'asks whether the peer is there', 'RFC 3706 §5.2'],
  'R-U-THERE-ACK': [36137, 'says so', 'RFC 3706 §5.2'],
  'MS-STATUS': [0x9c43, "why Windows gives up: an error of Windows's own", '[MS-IKEE] §2.2.6'],
  'MS-DOS-COOKIE': [0x9c44, 'send the request again with this cookie', '[MS-IKEE] §2.2.7'],
  'MS-EXCHANGE-INFO': [0x9c45, 'what quick mode is for', '[MS-IKEE] §2.2.8'],
})

export type NotifyNameV1 = keyof typeof notifyTypesV1.of

export function isErrorTypeV1(type: number): boolean {
  return type < FIRST_STATUS_V1
}
