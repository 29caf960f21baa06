import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The JDK's default client, which asks for an upgrade to HTTP/2 with every POST. Arguments: address, characters of
 * data, how many requests one after the other, how many at once. Prints each answer's status, version and body.
 */
public class JdkClient {
    public static void main(String[] arguments) throws Exception {
        String text = "word ".repeat(Integer.parseInt(arguments[1]) / 5);
        HttpClient client = HttpClient.newHttpClient();
        for (int time = 0; time < Integer.parseInt(arguments[2]); time++) {
            print(client.send(request(arguments[0], text), BodyHandlers.ofString()));
        }
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int time = 0; time < Integer.parseInt(arguments[3]); time++) {
            answers.add(client.sendAsync(request(arguments[0], text), BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> answer : answers) {
            print(answer.join());
        }
    }

    private static HttpRequest request(String address, String text) {
        String body = "{\"bypass_cache\": true, \"instruction\": \"Write.\", \"data\": {\"text\": \"" + text + "\"}}";
        return HttpRequest.newBuilder(URI.create(address + "/v1/generate"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
    }

    private static void print(HttpResponse<String> response) {
        System.out.println(response.statusCode() + " " + response.version() + " " + response.body());
    }
}
