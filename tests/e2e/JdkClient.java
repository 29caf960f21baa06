import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** The JDK's default client, which asks for an upgrade to HTTP/2 with its first POST. Arguments: address, characters. */
public class JdkClient {
    public static void main(String[] arguments) throws Exception {
        String text = "word ".repeat(Integer.parseInt(arguments[1]) / 5);
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + "/v1/summarize"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"text\": \"" + text + "\"}"))
                .build();
        HttpClient client = HttpClient.newHttpClient();
        for (int time = 0; time < 2; time++) {
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(response.statusCode() + " " + response.version() + " " + response.body());
        }
    }
}
