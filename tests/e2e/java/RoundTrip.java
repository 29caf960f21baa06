import com.example.copydesk.ApiClient;
import com.example.copydesk.ApiException;
import com.example.copydesk.api.BackendsApi;
import com.example.copydesk.api.BatchesApi;
import com.example.copydesk.api.JobsApi;
import com.example.copydesk.api.OperationsApi;
import com.example.copydesk.api.PromptsApi;
import com.example.copydesk.api.StreamsApi;
import com.example.copydesk.api.TasksApi;
import com.example.copydesk.api.UsageApi;
import com.example.copydesk.model.*;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Calls every operation of the service by the generated client. Prints the name of each that went well. */
public class RoundTrip {
    interface Step {
        void run() throws Exception;
    }

    private final ApiClient client = new ApiClient();
    private final TasksApi tasks;
    private final StreamsApi streams;
    private final BatchesApi batches;
    private final JobsApi jobs;
    private final PromptsApi prompts;

    RoundTrip(String address) {
        client.updateBaseUri(address);
        tasks = new TasksApi(client);
        streams = new StreamsApi(client);
        batches = new BatchesApi(client);
        jobs = new JobsApi(client);
        prompts = new PromptsApi(client);
    }

    public static void main(String[] arguments) throws Exception {
        RoundTrip trip = new RoundTrip(arguments[0]);
        trip.callTasks();
        trip.callStreams();
        trip.callBatches();
        trip.callJobs();
        trip.callTheRest();
        trip.readProblems();
        trip.retryWithAKey();
        trip.readWhatALaterServiceSays();
    }

    private static void step(String name, Step step) throws Exception {
        try {
            step.run();
        } catch (ApiException error) {
            throw new AssertionError(name + ": " + error.getCode() + " " + error.getResponseBody(), error);
        }
        System.out.println(name);
    }

    private static void expect(boolean condition, Object found) {
        if (!condition) {
            throw new AssertionError("unexpected: " + found);
        }
    }

    private static List<Label> labels() {
        return List.of(Label.builder().name("a").build(), Label.builder().name("b").build());
    }

    private void callTasks() throws Exception {
        step("summarize", () -> {
            SummarizeRequest request = SummarizeRequest.builder().text("Some text.").style(SummaryStyle.HEADLINE).build();
            SummarizeResponse response = tasks.summarize(request, null, "java-1");
            expect("A short answer.".equals(response.getSummary()), response);
            expect("java-1".equals(response.getMeta().getRequestId()), response);
            expect(response.getDocumentText() == null, response);
            expect(response.getMeta().getUsage().getModelCalls() >= 1, response);
            expect(response.getMeta().getCache() == CacheState.MISS, response);
        });
        step("rewrite", () -> {
            RewriteRequest request = RewriteRequest.builder().text("Meet 17 men.").style(RewriteStyle.FORMAL).build();
            RewriteResponse response = tasks.rewrite(request, null, null);
            expect(response.getLost().get(0).getKind() == FactKind.NUMBER, response);
        });
        step("extract", () -> {
            String text = "\uD83D\uDE00 Ada met Bob.";
            EntityType type = EntityType.builder().name("name").build();
            ExtractRequest request = ExtractRequest.builder().text(text).types(List.of(type)).build();
            Entity entity = tasks.extract(request, null, null).getEntities().get(0);
            int start = entity.getOffset();
            expect(text.substring(start, start + entity.getLength()).equals("Ada"), entity);
        });
        step("classify", () -> {
            ClassifyRequest request = ClassifyRequest.builder().text("Which one?").labels(labels()).build();
            ClassifyResponse response = tasks.classify(request, null, null);
            expect(List.of("a", "b").contains(response.getLabels().get(0).getName()), response);
        });
        step("generate", () -> {
            GenerateRequest request = GenerateRequest.builder().instruction("Write.").data(Map.of("a", List.of(1, 2))).build();
            expect("A short answer.".equals(tasks.generate(request, null, null).getText()), request);
        });
        step("listTasks", () -> expect(tasks.listTasks(null).getTasks().size() >= 5, "tasks"));
    }

    private void callStreams() throws Exception {
        String last = "event: done";
        step("summarizeStream", () -> {
            SummarizeRequest request = SummarizeRequest.builder().text("Some text.").build();
            expect(Files.readString(streams.summarizeStream(request, null, null).toPath()).contains(last), last);
        });
        step("rewriteStream", () -> {
            RewriteRequest request = RewriteRequest.builder().text("Some text.").instruction("Shorter.").build();
            expect(Files.readString(streams.rewriteStream(request, null, null).toPath()).contains(last), last);
        });
        step("generateStream", () -> {
            GenerateRequest request = GenerateRequest.builder().instruction("Write.").build();
            expect(Files.readString(streams.generateStream(request, null, null).toPath()).contains(last), last);
        });
    }

    private void callBatches() throws Exception {
        step("summarizeBatch", () -> {
            SummarizeRequest good = SummarizeRequest.builder().text("Some text.").build();
            SummarizeRequest wrong = SummarizeRequest.builder().text(" ").build();
            SummarizeBatchRequest request = SummarizeBatchRequest.builder().items(List.of(good, wrong)).build();
            SummarizeBatchResponse response = batches.summarizeBatch(request, null, null);
            expect("A short answer.".equals(response.getResults().get(0).getResult().getSummary()), response);
            expect(response.getResults().get(0).getProblem() == null, response);
            expect("invalid_request".equals(response.getResults().get(1).getProblem().getCode()), response);
            expect(response.getMeta().getCounts().getFailed() == 1, response);
        });
        step("rewriteBatch", () -> {
            RewriteRequest item = RewriteRequest.builder().text("Some text.").style(RewriteStyle.CONCISE).build();
            RewriteBatchRequest request = RewriteBatchRequest.builder().items(List.of(item)).build();
            expect(batches.rewriteBatch(request, null, null).getResults().get(0).getResult() != null, request);
        });
        step("extractBatch", () -> {
            EntityType type = EntityType.builder().name("name").build();
            ExtractRequest item = ExtractRequest.builder().text("Ada met Bob.").types(List.of(type)).build();
            ExtractBatchRequest request = ExtractBatchRequest.builder().items(List.of(item)).build();
            expect(batches.extractBatch(request, null, null).getResults().get(0).getResult() != null, request);
        });
        step("classifyBatch", () -> {
            ClassifyRequest item = ClassifyRequest.builder().text("Which one?").labels(labels()).build();
            ClassifyBatchRequest request = ClassifyBatchRequest.builder().items(List.of(item)).build();
            expect(batches.classifyBatch(request, null, null).getResults().get(0).getResult() != null, request);
        });
        step("generateBatch", () -> {
            GenerateRequest item = GenerateRequest.builder().instruction("Write.").build();
            GenerateBatchRequest request = GenerateBatchRequest.builder().items(List.of(item)).build();
            expect(batches.generateBatch(request, null, null).getResults().get(0).getResult() != null, request);
        });
    }

    private void callJobs() throws Exception {
        List<Map<String, Object>> items = List.of(Map.of("text", "One."), Map.of("text", " "));
        JobRequest request = JobRequest.builder().task("summarize").items(items).priority(Priority.LOW).build();
        Job submitted = jobs.submitJob(request, UUID.randomUUID().toString(), null);
        System.out.println("submitJob");
        step("getJob", () -> {
            Job job = jobs.getJob(submitted.getId(), null);
            for (int tries = 0; tries < 300 && job.getEndedAt() == null; tries++) {
                Thread.sleep(100);
                job = jobs.getJob(submitted.getId(), null);
            }
            expect(job.getStatus() == JobStatus.SUCCEEDED, job);
            expect(job.getCreatedAt() > 1_700_000_000_000L, job);
        });
        step("getJobResults", () -> {
            JobResults results = jobs.getJobResults(submitted.getId(), null, 10, null);
            expect(results.getResults().size() == 2, results);
            JobResult answered = results.getResults().get(0).getProblem() == null ? results.getResults().get(0) : results.getResults().get(1);
            expect("A short answer.".equals(answered.getResult().get("summary")), results);
        });
        step("listJobs", () -> expect(jobs.listJobs(JobStatus.SUCCEEDED, null, 20, null).getJobs().size() >= 1, "jobs"));
        step("cancelJob", () -> expect(jobs.cancelJob(submitted.getId(), null, null).getStatus() == JobStatus.SUCCEEDED, "ended"));
        step("deleteJob", () -> jobs.deleteJob(submitted.getId(), null));
    }

    private void callTheRest() throws Exception {
        step("listPrompts", () -> expect(prompts.listPrompts(null).getLoadedAt() > 1_700_000_000_000L, "prompts"));
        step("getPrompt", () -> {
            PromptVersionDetail version = prompts.getPrompt("summarize", null).getVersions().get(0);
            expect(version.getStatus() == VersionStatus.RELEASED, version);
        });
        step("renderPrompt", () -> {
            Map<String, Object> inputs = Map.of("text", "Some text.", "max_words", 10);
            RenderRequest request = RenderRequest.builder().inputs(inputs).build();
            expect(!prompts.renderPrompt("summarize", request, null, null).getMessages().isEmpty(), request);
        });
        step("listBackends", () -> {
            BackendInfo backend = new BackendsApi(client).listBackends(null).getBackends().get(0);
            expect(backend.getBreaker() == BreakerState.CLOSED, backend);
        });
        step("getUsage", () -> {
            UsageReport report = new UsageApi(client).getUsage(null, null, List.of(UsageGroup.TASK), null, null);
            expect(report.getTotals().getRequests() >= 1, report);
        });
        OperationsApi operations = new OperationsApi(client);
        step("health", () -> expect("ok".equals(operations.health().getStatus()), "health"));
        step("readiness", () -> expect("ready".equals(operations.readiness().getStatus()), "readiness"));
        step("metrics", () -> expect(operations.metrics().contains("copydesk_"), "metrics"));
    }

    private Problem problem(int status, Step step) throws Exception {
        try {
            step.run();
        } catch (ApiException error) {
            expect(error.getCode() == status, error.getResponseBody());
            Problem problem = client.getObjectMapper().readValue(error.getResponseBody(), Problem.class);
            expect(problem.getStatus() == status, problem);
            expect(problem.getRequestId().equals(error.getResponseHeaders().firstValue("x-request-id").orElse("")), problem);
            if (status == 503) {
                expect(error.getResponseHeaders().firstValue("retry-after").isPresent(), problem);
            }
            return problem;
        }
        throw new AssertionError("a problem was expected: " + status);
    }

    private void readProblems() throws Exception {
        Problem invalid = problem(422, () -> tasks.summarize(new SummarizeRequest(), null, null));
        expect("invalid_request".equals(invalid.getCode()) && !invalid.getRetryable(), invalid);
        expect(invalid.getErrors().size() == 1, invalid);
        Problem unknown = problem(404, () -> prompts.getPrompt("nothing", null));
        expect("prompt_unknown".equals(unknown.getCode()), unknown);
        SummarizeRequest nonsense = SummarizeRequest.builder().text("nonsense").build();
        expect(problem(502, () -> tasks.summarize(nonsense, null, null)).getRetryable(), nonsense);
        Problem job = problem(404, () -> jobs.getJob("nothing", null));
        expect("job_unknown".equals(job.getCode()) && job.getErrors().isEmpty(), job);
        System.out.println("problems");
    }

    private void retryWithAKey() throws Exception {
        String key = UUID.randomUUID().toString();
        SummarizeRequest request = SummarizeRequest.builder().text("Some text.").build();
        var first = tasks.summarizeWithHttpInfo(request, key, null);
        var second = tasks.summarizeWithHttpInfo(request, key, null);
        expect(second.getHeaders().containsKey("idempotent-replayed"), second.getHeaders());
        expect(first.getData().equals(second.getData()), second.getData());
        SummarizeRequest other = SummarizeRequest.builder().text("Another text.").build();
        expect("idempotency_key_reused".equals(problem(422, () -> tasks.summarize(other, key, null)).getCode()), key);
        System.out.println("retries");
    }

    /** A service that is newer than the client: fields and enum values that it has never heard of. */
    private void readWhatALaterServiceSays() throws Exception {
        String body = client.getObjectMapper()
                .writeValueAsString(tasks.summarize(SummarizeRequest.builder().text("x").build(), null, null))
                .replace("\"miss\"", "\"frozen\"")
                .replace("\"summary\":", "\"mood\":{\"value\":\"glad\"},\"summary\":");
        List<String> requests = new ArrayList<>();
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            requests.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().add("content-type", "application/json");
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        try {
            ApiClient later = new ApiClient();
            later.updateBaseUri("http://127.0.0.1:" + server.getAddress().getPort());
            SummarizeRequest request = SummarizeRequest.builder().text("x").build();
            SummarizeResponse response = new TasksApi(later).summarize(request, null, null);
            expect(response.getMeta().getCache() == CacheState.UNKNOWN_DEFAULT_OPEN_API, response);
            expect("A short answer.".equals(response.getSummary()), response);
            new TasksApi(later).generate(GenerateRequest.builder().instruction("x").build(), null, null);
            new TasksApi(later).rewrite(RewriteRequest.builder().text("x").build(), null, null);
        } catch (ApiException error) {
            throw new AssertionError(error.getMessage(), error);
        } finally {
            server.stop(0);
        }
        String left = "(null|\"output_schema\"|\"data\"|\"preserve\"|\"document\"|\"deadline_ms\")";
        for (String sent : requests) {
            expect(!sent.matches("(?s).*" + left + ".*"), sent);
        }
        System.out.println("later");
    }
}
