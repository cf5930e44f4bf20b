/** The contents service: what is stored, image by image, and what an operator may do with it. */
import type { Contents, ExplainTarget, ImageQuery, VerifyTarget } from '../cache/contents/contents.js';
import type { Clock } from '../lib/clock.js';
import type { Calls } from './calls.js';
import { explanationMessage } from './explanation-message.js';
import { imageMessage, inspectionMessage, verifyMessage } from './contents-messages.js';
import type { ContentsServiceHandlers } from './gen/cistern/v1/ContentsService.js';
import type { ExplainRequest__Output } from './gen/cistern/v1/ExplainRequest.js';
import type { ExportImagesRequest__Output } from './gen/cistern/v1/ExportImagesRequest.js';
import type { ExportImagesResponse } from './gen/cistern/v1/ExportImagesResponse.js';
import type { ImportImagesRequest__Output } from './gen/cistern/v1/ImportImagesRequest.js';
import type { ListImagesRequest__Output } from './gen/cistern/v1/ListImagesRequest.js';
import type { VerifyRequest__Output } from './gen/cistern/v1/VerifyRequest.js';
import type { VerifyResponse } from './gen/cistern/v1/VerifyResponse.js';
import { pageRequest, pageTokenOf } from './page.js';
import { thinned } from './progress.js';
import { digestOf, imageOf, imagesOf, invalid, platformsOf } from './requests.js';
import { msOf } from './values.js';

const MAX_CHUNK = 256 * 1024;

export function contentsService(contents: Contents, calls: Calls, clock: Clock): ContentsServiceHandlers {
  return {
    ListImages: calls.unary(async (request) => {
      const { items, next } = await contents.list(queryOf(request), pageRequest(request));
      return { images: items.map(imageMessage), nextPageToken: pageTokenOf(next) };
    }),

    InspectImage: calls.unary(async ({ image }, signal) =>
      inspectionMessage(await contents.inspect(imageOf(image), signal)),
    ),

    Explain: calls.unary(async (request, signal) =>
      explanationMessage(await contents.explain(explainedOf(request), signal)),
    ),

    PinImage: calls.unary(async ({ image }) => ({ image: imageMessage(await contents.pin(imageOf(image))) })),

    UnpinImage: calls.unary(async ({ image }) => ({ image: imageMessage(await contents.unpin(imageOf(image))) })),

    EvictImage: calls.unary(({ image }, signal) => contents.evict(imageOf(image), signal)),

    GetDiskUsage: calls.unary((_, signal) => contents.diskUsage(signal)),

    Verify: calls.stream((request, signal) => verify(contents, request, clock, signal)),

    ExportImages: calls.stream((request, signal) => exportImages(contents, request, signal)),

    ImportImages: calls.upload(async (messages, signal) => {
      const { first, chunks } = await uploadOf(messages);
      const as = first === '' ? undefined : imageOf(first);
      const images = await contents.import(chunks, as, signal);
      return { images: [...images] };
    }),
  };
}

const queryOf = (request: ListImagesRequest__Output): ImageQuery => ({
  upstream: request.upstream === '' ? undefined : request.upstream,
  repository: request.repository === '' ? undefined : request.repository,
  untagged: request.untagged,
  pulledBefore: msOf(request.pulledBefore),
});

async function* verify(
  contents: Contents,
  request: VerifyRequest__Output,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<VerifyResponse> {
  if (request.rate < 0) throw invalid('rate', `${request.rate} is less than 0`);
  const rate = request.rate === 0 ? undefined : request.rate;
  for await (const event of thinned(contents.verify(targetOf(request), rate, signal), clock))
    yield verifyMessage(event);
}

function explainedOf({ image, digest }: ExplainRequest__Output): ExplainTarget {
  if (digest !== undefined) return { kind: 'blob', digest: digestOf(digest) };
  return { kind: 'image', image: imageOf(image ?? '') };
}

function targetOf({ image, digest }: VerifyRequest__Output): VerifyTarget {
  if (image !== undefined) return { kind: 'image', image: imageOf(image) };
  return digest === undefined ? { kind: 'all' } : { kind: 'blob', digest: digestOf(digest) };
}

/** Whole pieces of at most 256 KiB: few messages, and none that a caller's limits refuse. */
async function* exportImages(
  contents: Contents,
  request: ExportImagesRequest__Output,
  signal: AbortSignal,
): AsyncGenerator<ExportImagesResponse> {
  const images = imagesOf(request.images, 'images', imageOf);
  const platforms = platformsOf(request.platforms, 'platforms');
  const { bytes, chunks } = await contents.export(images, platforms, signal);
  yield { totalBytes: bytes };
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += MAX_CHUNK) yield { chunk: chunk.subarray(at, at + MAX_CHUNK) };
  }
}

/** The first message's reference, and the bytes of all. */
async function uploadOf(
  messages: AsyncIterable<ImportImagesRequest__Output>,
): Promise<{ readonly first: string; readonly chunks: AsyncIterable<Buffer> }> {
  const iterator = messages[Symbol.asyncIterator]();
  const head = await iterator.next();
  if (head.done === true) throw invalid('chunk', 'the archive is empty');
  const chunks = async function* (): AsyncGenerator<Buffer> {
    try {
      for (
        let next: IteratorResult<ImportImagesRequest__Output> = head;
        next.done !== true;
        next = await iterator.next()
      )
        if (next.value.chunk.length > 0) yield next.value.chunk;
    } finally {
      await iterator.return?.();
    }
  };
  return { first: head.value.image, chunks: chunks() };
}
