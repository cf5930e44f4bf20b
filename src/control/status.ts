/**
 * A failure as a gRPC status, for every service: the code of the error table, the message, and the standard details
 * (google.rpc, in the trailer `grpc-status-details-bin`): always ErrorInfo with our own code, BadRequest with the field
 * that is wrong, ResourceInfo with what it is about, RetryInfo with when to try again.
 */
import { Metadata, status } from '@grpc/grpc-js';
import { ERRORS, toAppError, type AppError, type ErrorCode } from '../lib/errors.js';
import { protos } from './gen/protos.js';

export interface Failure {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

export const DETAILS_KEY = 'grpc-status-details-bin';
const DOMAIN = 'cistern';
/** Characters; headers have limits too. */
const MAX_MESSAGE = 2000;

const { rpc } = protos.google;

export function failureOf(thrown: unknown): Failure {
  const error = toAppError(thrown);
  const code = status[ERRORS[error.code].grpc];
  const message = error.message.slice(0, MAX_MESSAGE);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, rpc.Status.serialize({ code, message, details: detailsOf(error, message) }));
  return { code, details: message, metadata };
}

function detailsOf(error: AppError, message: string): { type_url: string; value: Buffer }[] {
  const { field, about, retryAfter } = error;
  const details = [any('ErrorInfo', rpc.ErrorInfo.serialize({ reason: error.code, domain: DOMAIN }))];
  if (field !== undefined) {
    details.push(any('BadRequest', rpc.BadRequest.serialize({ fieldViolations: [{ field, description: message }] })));
  }
  if (about !== undefined) {
    const resource = { resourceType: typeOf(error.code), resourceName: about.slice(0, 500) };
    details.push(any('ResourceInfo', rpc.ResourceInfo.serialize(resource)));
  }
  if (retryAfter !== undefined) {
    details.push(any('RetryInfo', rpc.RetryInfo.serialize({ retryDelay: { seconds: retryAfter } })));
  }
  return details;
}

const any = (name: string, value: Buffer) => ({ type_url: `type.googleapis.com/google.rpc.${name}`, value });

function typeOf(code: ErrorCode): string {
  if (code.startsWith('JOB_') || code === 'REQUEST_ID_REUSED') return 'job';
  if (code.startsWith('BLOB_')) return 'blob';
  return code.startsWith('UPSTREAM_') || code === 'NAME_UNKNOWN' ? 'upstream' : 'image';
}
